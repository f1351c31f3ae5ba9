// Nanoseconds of each of 1,500 POSTs of 1 KiB, one behind the other on one connection.
'use strict';
const { agent, post, ready, main } = require('./agent.js');

main(async () => {
  const one = agent(1), times = [];
  for (let i = 0; i < 100; i++) await post(one);
  await ready();
  for (let i = 0; i < 1500; i++) {
    const start = process.hrtime.bigint();
    await post(one);
    times.push(Number(process.hrtime.bigint() - start));
  }
  one.destroy();
  return { calls: times.length, times_ns: times };
});
