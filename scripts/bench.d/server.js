// The HTTPS server of the measurements: node server.js CERT KEY. Prints its port.
//   POST anything            reads the body, answers {"bytes": N}
//   GET .../download/<N>     N bytes of text
'use strict';
const fs = require('fs');
const https = require('https');
const path = require('path');
const { content } = require(path.join(__dirname, '../../tests/system/clients/content.js'));

const pages = new Map();

function page(size) {
  if (!pages.has(size)) pages.set(size, content(size));
  return pages.get(size);
}

function serve(request, answer) {
  const download = /\/download\/(\d+)$/.exec(request.url);
  if (request.method === 'GET' && download) {
    const body = page(Number(download[1]));
    answer.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': body.length });
    answer.end(body);
    return;
  }
  let bytes = 0;
  request.on('data', (piece) => { bytes += piece.length; });
  request.on('end', () => {
    const body = JSON.stringify({ bytes });
    answer.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length });
    answer.end(body);
  });
}

const [cert, key] = process.argv.slice(2).map((file) => fs.readFileSync(file));
// Connections stay open for as long as the clients want: a thousand idle ones are a measurement.
const server = https.createServer({ cert, key, keepAliveTimeout: 0, requestTimeout: 0 }, serve);
server.listen({ host: '127.0.0.1', port: 0, backlog: 2048 }, () => {
  page(64 << 20);  // made before anybody waits for it
  console.log(server.address().port);
});
