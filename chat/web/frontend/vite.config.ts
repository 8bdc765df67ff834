import { defineConfig } from "vitest/config";

// The entry has a fixed name, which Django's manifest storage hashes when it collects it; chunks that are loaded
// on demand carry a hash of their own, since the entry names them.
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
      exclude: ["src/protocol.ts", "src/main.ts", "src/lists.ts"],
      reporter: ["text"],
      thresholds: { lines: 90, statements: 90, functions: 90, branches: 90 },
    },
  },
});
