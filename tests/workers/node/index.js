import * as assertion from "./assertion.js";
import * as asynchronous from "./asynchronous.js";
import * as buffers from "./buffers.js";
import * as cryptography from "./cryptography.js";
import * as disputed from "./disputed.js";
import * as emitters from "./emitters.js";
import * as paths from "./paths.js";
import * as platform from "./platform.js";
import * as streams from "./streams.js";
import * as texts from "./texts.js";
import * as utilities from "./utilities.js";
import { answers } from "./probe.js";

const groups = { assertion, asynchronous, buffers, cryptography, disputed, emitters, paths, platform, streams, texts, utilities };

export default {
  async fetch(request) {
    const group = groups[new URL(request.url).pathname.slice(1)];
    return group === undefined ? new Response("nothing", { status: 404 }) : Response.json(await answers(group.probes));
  },
};
