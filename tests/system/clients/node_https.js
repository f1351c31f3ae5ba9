// https.request / http.request with a keep-alive agent.
'use strict';
const { parse, report, each, request } = require('./common.js');
const modules = { 'http:': require('http'), 'https:': require('https') };

(async () => {
  const args = parse();
  const agents = {};
  for (const url of each(args)) {
    const started = performance.now();
    const protocol = new URL(url).protocol;
    const agent = agents[protocol] ||= new modules[protocol].Agent({ keepAlive: true, maxSockets: 1, ca: args.ca });
    const headers = { ...args.headers };
    if (args.body && args.chunked) headers['transfer-encoding'] = 'chunked';
    else if (args.body) headers['content-length'] = args.body.length;
    try {
      const options = { method: args.method, agent, headers, timeout: args.timeout * 1000 };
      report(args, url, started, await request(modules[protocol], url, options, args.body));
    } catch (error) {
      report(args, url, started, { error });
    }
  }
  process.exit(0);
})();
