// How many POSTs of 1 KiB 32 connections make in 1.5 s.
'use strict';
const { agent, post, ready, main } = require('./agent.js');
const CONNECTIONS = 32, SECONDS = 1.5;

main(async () => {
  const many = agent(CONNECTIONS);
  const all = (work) => Promise.all(Array.from({ length: CONNECTIONS }, work));
  await all(async () => { for (let i = 0; i < 10; i++) await post(many); });
  await ready();
  let calls = 0;
  const start = performance.now(), end = start + SECONDS * 1000;
  await all(async () => {
    while (performance.now() < end) {
      await post(many);
      calls++;
    }
  });
  const seconds = (performance.now() - start) / 1000;
  many.destroy();
  return { calls, seconds };
});
