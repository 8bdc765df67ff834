import { defineConfig } from "vitest/config";

// The entry has a fixed name, which Django's manifest storage hashes when it collects it; chunks carry a hash of
// their own, since the entry names them. What chunks share is a chunk too: one that imported the entry by its
// name would run it a second time.
export default defineConfig({
  build: {
    outDir: "../../static/chat/build",
    emptyOutDir: true,
    target: "es2022",
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    modulePreload: false,
    rollupOptions: {
      input: "src/main.ts",
      output: {
        manualChunks: { app: ["src/app.ts"] },
        entryFileNames: "parley.js",
        assetFileNames: "parley[extname]",
        chunkFileNames: "[name]-[hash].js",
      },
    },
  },
  test: {
    environment: "jsdom",
    include: ["tests/**/*.test.ts"],
    restoreMocks: true,
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      exclude: ["src/protocol.ts", "src/main.ts", "src/app.ts", "src/lists.ts"],
      reporter: ["text"],
      thresholds: { lines: 90, statements: 90, functions: 90, branches: 90 },
    },
  },
});
