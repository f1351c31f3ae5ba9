// Asks resolvers of its choice (c-ares), connects and sends datagrams where it is told: one JSON line in, one out.
'use strict';
const dgram = require('dgram');
const dns = require('dns');
const http = require('http');
const net = require('net');
const readline = require('readline');

async function resolve({ server, name, kind }) {
  const resolver = new dns.promises.Resolver({ timeout: 400, tries: 1 });
  resolver.setServers([server]);
  return { addresses: await resolver.resolve(name, kind) };
}

function get({ address, port, path }) {
  return new Promise((done, failed) => {
    http.get({ host: address, port, path, agent: false, family: net.isIP(address) }, (answer) => {
      answer.resume();
      answer.on('end', () => done({ status: answer.statusCode }));
    }).on('error', failed);
  });
}

function send({ address, port, bytes }) {
  const socket = dgram.createSocket(net.isIP(address) === 6 ? 'udp6' : 'udp4');
  return new Promise((done, failed) => {
    socket.send(Buffer.alloc(bytes, 0xc3), port, address, (error) => {
      socket.close();
      if (error) failed(error); else done({ sent: bytes });
    });
  });
}

const commands = { resolve, get, send };
(async () => {
  console.log('ready');
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    try {
      console.log(JSON.stringify(await commands[asked.what](asked)));
    } catch (error) {
      console.log(JSON.stringify({ error: error.code || error.message }));
    }
  }
})();
