// What the Node clients share; the same command line and protocol as agent.py.
'use strict';
const fs = require('fs');
const https = require('https');
const path = require('path');
const { content } = require(path.join(__dirname, '../../tests/system/clients/content.js'));

const options = {};
for (let i = 2; i < process.argv.length; i += 2) options[process.argv[i].slice(2)] = process.argv[i + 1];

const BODY = content(1024);
const request = {
  host: '127.0.0.1', port: Number(options.port), method: 'POST', path: '/scanned/bench',
  headers: { 'Content-Type': 'text/plain', 'Content-Length': BODY.length },
};

function agent(connections) {
  return new https.Agent({ keepAlive: true, maxSockets: connections, ca: fs.readFileSync(options.ca) });
}

function post(through) {
  return new Promise((resolve, reject) => {
    const sent = https.request({ ...request, agent: through }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('end', () => {
        const text = Buffer.concat(pieces).toString();
        if (answer.statusCode === 200 && JSON.parse(text).bytes === BODY.length) resolve();
        else reject(new Error(`POST: ${answer.statusCode} ${text.slice(0, 200)}`));
      });
      answer.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(BODY);
  });
}

function ready() {
  console.log(JSON.stringify({ ready: true }));
  return new Promise((resolve) => process.stdin.once('data', () => { process.stdin.destroy(); resolve(); }));
}

function main(measure) {
  measure().then((result) => { console.log(JSON.stringify(result)); }, (error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}

module.exports = { agent, post, ready, main };
