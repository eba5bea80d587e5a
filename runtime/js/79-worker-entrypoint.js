// WorkerEntrypoint, which `cloudflare:workers` exports: a Worker as a class.

isolet.lazy([], ["WorkerEntrypoint"], (host) => {
  class WorkerEntrypoint {
    constructor(ctx, env) {
      this.ctx = ctx;
      this.env = env;
    }
  }

  host.WorkerEntrypoint = WorkerEntrypoint;
});
