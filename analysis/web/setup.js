// What the page is made with, whatever it shows: analysis/report/page.py writes it into page.html.

import {byId} from "./dom.js";

/** @import {Setup} from "./types.js" */

/** @type {Setup} */
export const setup = JSON.parse(byId("setup").textContent);
