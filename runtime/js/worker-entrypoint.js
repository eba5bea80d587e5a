// The base classes of Workers that are classes. `cloudflare:workers` exports them. Nothing makes an
// instance of a DurableObject: packages that have both only define such classes.

isolet.lazy([], ["WorkerEntrypoint", "DurableObject"], (host) => {
  class WorkerEntrypoint {
    constructor(ctx, env) {
      this.ctx = ctx;
      this.env = env;
    }
  }

  class DurableObject {
    constructor(ctx, env) {
      this.ctx = ctx;
      this.env = env;
    }
  }

  host.WorkerEntrypoint = WorkerEntrypoint;
  host.DurableObject = DurableObject;
});
