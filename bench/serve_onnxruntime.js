// ONNX Runtime in bench/session: see session_bench.cc for what it is told and answers.
//   serve_onnxruntime.js MODEL.onnx BATCH THREADS
const path = require('path');
const readline = require('readline');
const ort = require('onnxruntime-node');

const [model, batch, threads] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];

async function main() {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
  });
  // Image sizes are 224 in all models of this benchmark.
  const data = Float32Array.from({length: batch * 224 * 224 * 3}, () => 2 * Math.random() - 1);
  const feeds = {[session.inputNames[0]]: new ort.Tensor('float32', data, [batch, 224, 224, 3])};
  await session.run(feeds);
  console.log('ready');
  for await (const line of readline.createInterface({input: process.stdin})) {
    const times = [];
    for (let i = 0; i < Number(line.split(' ')[1]); ++i) {
      const start = process.hrtime.bigint();
      await session.run(feeds);
      times.push(Number(process.hrtime.bigint() - start) / 1e6);
    }
    console.log(times.join(' '));
  }
}

main().catch((error) => {
  console.error(path.basename(__filename) + ': ' + error.message);
  process.exit(1);
});
