// The same bytes as tests/system/lib/content.py.
'use strict';
const BLOCK = 1 << 20, LINE = 32;

function line(kind, number) {
  let letters = '';
  for (let shift = 28; shift >= 0; shift -= 4) letters += String.fromCharCode(97 + ((number >>> shift) & 15));
  return kind + letters + ' plain filler of a test'.slice(0, LINE - 10) + '\n';
}

function content(size, tail = '') {
  const block = Buffer.alloc(BLOCK);
  for (let i = 1; i < BLOCK / LINE; i++) block.write(line('l', i), i * LINE, 'latin1');
  const data = Buffer.alloc(Math.ceil(size / BLOCK) * BLOCK);
  for (let k = 0; k * BLOCK < size; k++) {
    block.copy(data, k * BLOCK);
    data.write(line('b', k), k * BLOCK, 'latin1');
  }
  const cut = data.subarray(0, size);
  if (tail) cut.write(tail, Math.max(0, size - tail.length), 'latin1');
  return cut;
}

module.exports = { content };
