// npm's ws: says one message after the other, each when the one before it was answered; every message compressed.
'use strict';
const { parse, report } = require('./common.js');
const { WebSocket } = require('../node/node_modules/ws');

function talk(args, url) {
  return new Promise((resolve) => {
    let started = performance.now();
    let failed = null;
    const waiting = [...args.say];
    const socket = new WebSocket(url, { ca: args.ca, perMessageDeflate: { threshold: 0 } });
    const next = () => {
      started = performance.now();
      if (waiting.length) socket.send(waiting.shift());
      else socket.close(1000);
    };
    socket.on('open', next);
    socket.on('message', (data) => {
      report(args, url, started, { status: 200, data: Buffer.from(data) });
      next();
    });
    socket.on('error', (error) => { failed = error; });
    socket.on('close', (code, reason) => {
      const told = code !== 1006;  // 1006: there was no Close frame
      if (code !== 1000) {
        report(args, url, started, { status: told ? code : 0, reason: reason.toString(),
                                     error: failed || new Error(`closed without a Close frame: ${code}`) });
      }
      resolve();
    });
  });
}

(async () => {
  const args = parse();
  for (const url of args.url) await talk(args, url);
  process.exit(0);
})();
