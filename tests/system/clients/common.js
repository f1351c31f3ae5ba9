// What the Node clients share: the command line of common.py and one JSON line a request.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const zlib = require('zlib');
const { content } = require('./content.js');

function parse() {
  const args = { url: [], method: 'GET', bodyBytes: -1, tail: '', repeat: 1, headers: {}, chunked: false, http2: false,
                 say: [], timeout: 30, jsonOut: '-', connections: 200, rounds: 2 };
  const argv = process.argv.slice(2);
  while (argv.length) {
    const name = argv.shift();
    switch (name) {
      case '--url': args.url.push(argv.shift()); break;
      case '--method': args.method = argv.shift(); break;
      case '--body-bytes': args.bodyBytes = Number(argv.shift()); break;
      case '--tail': args.tail = argv.shift(); break;  // or @FILE, see below
      case '--repeat': args.repeat = Number(argv.shift()); break;
      case '--header': { const [k, v] = argv.shift().split(': '); args.headers[k] = v; break; }
      case '--coding': args.coding = argv.shift(); break;
      case '--say': args.say.push(message(argv.shift())); break;
      case '--chunked': args.chunked = true; break;
      case '--http2': args.http2 = true; break;
      case '--ca': args.ca = fs.readFileSync(argv.shift()); break;
      case '--timeout': args.timeout = Number(argv.shift()); break;
      case '--json-out': args.jsonOut = argv.shift(); break;
      case '--connections': args.connections = Number(argv.shift()); break;
      case '--rounds': args.rounds = Number(argv.shift()); break;
      case '--allowed': args.allowed = argv.shift(); break;
      case '--denied': args.denied = argv.shift(); break;
      default: throw new Error(`unknown argument ${name}`);
    }
  }
  if (args.tail.startsWith('@')) args.tail = fs.readFileSync(args.tail.slice(1), 'latin1');
  args.body = args.bodyBytes < 0 ? null : content(args.bodyBytes, args.tail);
  if (args.coding) {
    const encoders = { gzip: zlib.gzipSync, deflate: zlib.deflateSync, br: zlib.brotliCompressSync };
    args.body = encoders[args.coding](args.body);
    args.headers['Content-Encoding'] = args.coding;
  }
  if (args.jsonOut !== '-') fs.writeFileSync(args.jsonOut, '');
  return args;
}

// Of WebSocket: see common.py.
function message(text) {
  return text.endsWith(' bytes') ? content(parseInt(text, 10)) : text;
}

function chain(error) {
  const seen = [];
  for (let e = error; e && seen.length < 10; e = e.cause) seen.push(`${e.name}(${e.code || ''} ${e.message})`);
  return seen.join(' <- ');
}

function report(args, url, started, { status = 0, data = Buffer.alloc(0), error = null, ...more }) {
  const line = { url, status, bytes: data.length, sha256: crypto.createHash('sha256').update(data).digest('hex'),
                 ms: Math.round((performance.now() - started) * 10) / 10, ...more };
  if (data.length && data.length < 65536 && data[0] === 0x7b) line.answer = JSON.parse(data.toString());
  if (error) {
    const inner = error.cause || error;
    Object.assign(line, { error: error.name, errno: Math.abs(inner.errno || 0), code: inner.code || '', why: chain(error) });
  }
  const text = JSON.stringify(line) + '\n';
  if (args.jsonOut === '-') fs.writeSync(1, text); else fs.appendFileSync(args.jsonOut, text);
}

function* each(args) {
  for (let i = 0; i < args.repeat; i++) yield* args.url;
}

// One request with the http or https module.
function request(mod, url, options, body) {
  return new Promise((resolve, reject) => {
    const r = mod.request(url, options, (answer) => {
      const parts = [];
      answer.on('data', (d) => parts.push(d));
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode, data: Buffer.concat(parts) }));
    });
    r.on('error', reject);
    r.setTimeout((options.timeout || 30000), () => r.destroy(new Error('timeout')));
    r.end(body || undefined);
  });
}

module.exports = { parse, report, each, request };
