// Answers each request with a Worker that is loaded for it alone.
export default {
  fetch(request, env) {
    const worker = env.LOADER.load({
      compatibilityDate: "2026-11-01",
      mainModule: "index.js",
      modules: { "index.js": env.CODE },
      globalOutbound: null,
    });
    return worker.getEntrypoint().fetch(request);
  },
};
