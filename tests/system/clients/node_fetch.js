// The global fetch (undici). It takes its CA from NODE_EXTRA_CA_CERTS.
'use strict';
const { parse, report, each } = require('./common.js');

async function* pieces(body) {
  for (let at = 0; at < body.length; at += 16000) yield body.subarray(at, at + 16000);
}

(async () => {
  const args = parse();
  for (const url of each(args)) {
    const started = performance.now();
    try {
      const options = { method: args.method, headers: args.headers, signal: AbortSignal.timeout(args.timeout * 1000) };
      if (args.body) options.body = args.chunked ? pieces(args.body) : args.body;
      if (args.body && args.chunked) options.duplex = 'half';
      const answer = await fetch(url, options);
      report(args, url, started, { status: answer.status, data: Buffer.from(await answer.arrayBuffer()) });
    } catch (error) {
      report(args, url, started, { error });
    }
  }
  process.exit(0);
})();
