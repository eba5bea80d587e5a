// The first argument of a Worker's `scheduled`.

const { TypeError } = isolet.primordials;

isolet.lazy([], ["scheduledController"], (host) => {
  const token = {};

  class ScheduledController {
    // Own properties, as in other Workers.
    scheduledTime;
    cron;
    #retries = true;

    constructor(key, scheduledTime, cron) {
      if (key !== token) throw new TypeError("Illegal constructor: isolet makes ScheduledControllers.");
      this.scheduledTime = scheduledTime;
      this.cron = cron;
    }
    // Nothing is tried again, so this has no effect.
    noRetry() {
      this.#retries &&= false;
    }
  }
  isolet.idl.define(ScheduledController);

  host.scheduledController = (scheduledTime, cron) => new ScheduledController(token, scheduledTime, cron);
});
