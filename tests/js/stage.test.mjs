import assert from "node:assert/strict";
import { test } from "node:test";
import { axisNs, axisPx, currentHop, done, fill, micro, pointOn, scoreAt, stepAt, stops } from "../../sriovlab/render/stage/stage.mjs";

const hop = (extra = {}) => ({ isHypervisor: false, cpu: [0, 0, 0], exits: {}, waited: true, ...extra });
const lane = {
  hops: [hop(), hop({ isHypervisor: true, cpu: [50, 100, 200], exits: { submission: 1 } }), hop({ waited: false, exits: { halt: 1 } })],
  trace: [[0, 0, 0, 100], [0, 1, 100, 300], [0, 2, 300, 400]],
};

test("a boundary belongs to the later step", () => {
  const steps = [{ t: 0, id: "a" }, { t: 10, id: "b" }];
  assert.equal(stepAt(steps, 10).id, "b");
  assert.equal(stepAt(steps, 9.9).id, "a");
});
test("a time has two significant digits", () => {
  assert.equal(micro(1234), "1.2");
  assert.equal(micro(46512), "47");
  assert.equal(micro(9960), "10");
});
test("an unknown slot stays as it is", () => assert.equal(fill("{a} of {b}", { a: 1 }), "1 of {b}"));
test("an instant is done from its start", () => {
  assert.equal(done(5, 5, 5), 1);
  assert.equal(done(5, 5, 4), 0);
  assert.equal(done(0, 10, 5), 0.5);
});
test("exits count when a hop begins, CPU as it goes on", () => {
  assert.deepEqual(scoreAt(lane, 0), { cpu: 0, exits: 0, elapsed: 0, isDone: false, end: 300 });
  const half = scoreAt(lane, 200);
  assert.equal(half.exits, 1);
  assert.equal(half.cpu, 50);
});
test("a hop nobody waits for adds its exit and no time", () => {
  const end = scoreAt(lane, 400);
  assert.equal(end.exits, 2);
  assert.equal(end.elapsed, 300);
  assert.ok(end.isDone);
});
test("the caption follows what is waited for", () => {
  assert.deepEqual(currentHop(lane, 150), [1, 0.25]);
  assert.deepEqual(currentHop(lane, 350), [1, 1]);
});
test("stepping stops once at each hop that takes time", () => assert.deepEqual(stops([lane, lane], 400), [0, 100, 400]));
test("a point lies between its samples", () => assert.deepEqual(pointOn([[0, 0], [10, 20]], 0.5), [5, 10]));
test("the axis and its inverse agree, with a break and without", () => {
  for (const axis of [{ width: 700, end_ns: 1000, cut_from: 0, cut_to: 0, cut_px: 0 }, { width: 700, end_ns: 1000, cut_from: 200, cut_to: 900, cut_px: 60 }]) {
    for (let t = 0; t <= 1000; t += 50) assert.ok(Math.abs(axisNs(axis, axisPx(axis, t)) - t) < 1e-6);
    assert.equal(axisPx(axis, 1000), 700);
    assert.equal(axisPx(axis, 5000), 700);
  }
});
