import { defineConfig } from "vitest/config";

import { icons } from "./icons";

// The entries have fixed names, which Django's manifest storage hashes when it collects them; chunks carry a hash of
// their own, since the entry names them. What chunks share is a chunk too: one that imported the entry by its
// name would run it a second time.
export default defineConfig({
  plugins: [icons()],
  build: {
    outDir: "../../static/chat/build",
    emptyOutDir: true,
    target: "es2022",
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    modulePreload: false,
    rollupOptions: {
      input: { parley: "src/main.ts", "service-worker": "src/service-worker.ts", embed: "src/embed.ts" },
      output: {
        manualChunks: { app: ["src/app.ts"] },
        entryFileNames: "[name].js",
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
      exclude: [
        "src/protocol.ts",
        "src/main.ts",
        "src/app.ts",
        "src/pages/lists.ts",
        "src/service-worker.ts",
        "src/embed.ts",
      ],
      reporter: ["text"],
      thresholds: { lines: 90, statements: 90, functions: 90, branches: 90 },
    },
  },
});
