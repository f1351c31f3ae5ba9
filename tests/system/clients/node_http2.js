// The http2 module: all requests of a host on one connection, one after the other.
'use strict';
const http2 = require('http2');
const { parse, report, each } = require('./common.js');

function request(session, args, url) {
  return new Promise((resolve, reject) => {
    const headers = { ':method': args.method, ':path': url.pathname + url.search, ...args.headers };
    if (args.body && !args.chunked) headers['content-length'] = args.body.length;
    const stream = session.request(headers, { endStream: !args.body });
    const parts = [];
    let status = 0;
    stream.on('response', (answer) => { status = answer[':status']; });
    stream.on('data', (piece) => parts.push(piece));
    stream.on('error', reject);
    stream.on('close', () => {
      if (status && stream.rstCode === 0) resolve({ status, data: Buffer.concat(parts) });
      else reject(Object.assign(new Error(`stream closed with ${stream.rstCode}`), { code: 'ECONNRESET' }));
    });
    if (args.body) stream.end(args.body);
  });
}

(async () => {
  const args = parse();
  let session = null;
  for (const text of each(args)) {
    const started = performance.now();
    const url = new URL(text);
    try {
      if (!session || session.destroyed || session.closed) {
        session = http2.connect(url.origin, { ca: args.ca });
        session.on('error', () => {});  // told by the stream
      }
      report(args, text, started, await request(session, args, url));
    } catch (error) {
      report(args, text, started, { error });
    }
  }
  process.exit(0);
})();
