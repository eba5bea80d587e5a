// WorkerEntrypoint, which `cloudflare:workers` exports: a Worker as a class.

class WorkerEntrypoint {
  constructor(ctx, env) {
    this.ctx = ctx;
    this.env = env;
  }
}

isolet.WorkerEntrypoint = WorkerEntrypoint;
