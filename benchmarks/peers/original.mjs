// The original plugin's design, from its README: jobs with their whole history in one JSON file that each change writes
// anew, a timer that looks at every job each second, ten agents at a time, cron-parser for the next run. No fsync.
import { readFileSync, existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';

const [, , workload, sizesText, folder] = process.argv;
const sizes = JSON.parse(sizesText);
const require = createRequire(path.resolve('.bench/original/package.json'));
const { CronExpressionParser } = require('cron-parser');

class Plugin {
  constructor(directory, work, places = 10) {
    this.file = path.join(directory, 'background-jobs', 'jobs.json');
    this.executions = path.join(directory, 'background-jobs', 'executions');
    this.jobs = new Map();
    this.work = work;
    this.places = places;
    this.running = 0;
    this.saving = Promise.resolve();
    this.waiting = [];
  }

  async open() {
    await mkdir(this.executions, { recursive: true });
    if (existsSync(this.file)) {
      for (const job of JSON.parse(readFileSync(this.file, 'utf8'))) this.jobs.set(job.id, job);
    }
  }

  save() {
    this.saving = this.saving.then(() => writeFile(this.file, JSON.stringify([...this.jobs.values()])));
    return this.saving;
  }

  next(expression) {
    return CronExpressionParser.parse(expression, { tz: 'UTC' }).next().toDate().toISOString();
  }

  async createJob(name, cronExpression, prompt) {
    const id = crypto.randomUUID();
    const created = new Date().toISOString();
    const nextRun = this.next(cronExpression);
    this.jobs.set(id, { id, name, cronExpression, prompt, status: 'waiting', created, nextRun, executionHistory: [] });
    await this.save();
    return id;
  }

  evaluate() {
    const now = new Date().toISOString();
    for (const job of this.jobs.values()) {
      if (job.status === 'waiting' && job.nextRun <= now) {
        job.status = 'running';
        this.waiting.push(job);
      }
    }
    this.fillPlaces();
  }

  fillPlaces() {
    while (this.running < this.places && this.waiting.length) {
      this.running += 1;
      this.run(this.waiting.shift()).finally(() => {
        this.running -= 1;
        this.fillPlaces();
      });
    }
  }

  async run(job) {
    const execution = { id: crypto.randomUUID(), agentId: crypto.randomUUID(), prompt: job.prompt, status: 'running' };
    execution.startTime = new Date().toISOString();
    job.executionHistory.push(execution);
    await this.save();
    execution.result = await this.work(job);
    execution.status = 'success';
    execution.endTime = new Date().toISOString();
    job.status = 'waiting';
    job.lastRun = execution.startTime;
    job.nextRun = this.next(job.cronExpression);
    await writeFile(path.join(this.executions, `${job.id}-${execution.id}.json`), JSON.stringify(execution));
    await this.save();
  }
}

const used = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const sleepUntil = (at) => new Promise((done) => setTimeout(done, Math.max(0, at - Date.now())));
const percentile = (values, share) => values[Math.min(values.length - 1, Math.floor(values.length * share))];

async function create({ jobs }) {
  const plugin = new Plugin(folder, async () => 'ok');
  await plugin.open();
  const began = performance.now();
  const before = used();
  for (let n = 0; n < jobs; n += 1) await plugin.createJob(`job ${n}`, `${n % 60} ${Math.floor(n / 60) % 24} 29 2 *`, `do ${n}`);
  return { per_s: (jobs / (performance.now() - began)) * 1e3, cpu_us: ((used() - before) / jobs) * 1e6 };
}

async function burst({ jobs, places }) {
  const starts = [];
  let allDone;
  const done = new Promise((resolve) => (allDone = resolve));
  const plugin = new Plugin(folder, async () => (starts.push(Date.now() / 1e3), 'ok'), places || jobs);
  await plugin.open();
  const due = Math.ceil(Date.now() / 1e3) * 1e3 + 4000;
  const at = new Date(due);
  const expression = `${at.getUTCSeconds()} ${at.getUTCMinutes()} ${at.getUTCHours()} * * *`;
  // Written at once: creating so many one by one would take longer than the burst.
  for (let n = 0; n < jobs; n += 1) {
    const id = crypto.randomUUID();
    const nextRun = at.toISOString();
    plugin.jobs.set(id, { id, name: `job ${n}`, cronExpression: expression, prompt: `do ${n}`, status: 'waiting', created: nextRun, nextRun, executionHistory: [] });
  }
  await plugin.save();
  await sleepUntil(due - 200);
  const before = used();
  await sleepUntil(due);
  plugin.evaluate();
  const looking = setInterval(() => {
    if (starts.length === jobs && plugin.running === 0 && !plugin.waiting.length) allDone();
  }, 4);
  await done;
  clearInterval(looking);
  const drained = Date.now() / 1e3;
  const late = starts.map((start) => start - due / 1e3).sort((a, b) => a - b);
  return {
    runs: jobs,
    drain_s: drained - due / 1e3,
    late_p50_s: percentile(late, 0.5),
    late_p99_s: percentile(late, 0.99),
    cpu_us: ((used() - before) / jobs) * 1e6,
  };
}

async function calendar() {
  const expressions = ['* * * * *', '*/5 * * * *', '0 9 * * 1-5', '30 4 * * *', '15 14 1 * *', '0 0 1 1 *'];
  const rate = (tz) => {
    let count = 0;
    const before = used();
    while (used() - before < 0.3) {
      for (const expression of expressions) {
        const fires = CronExpressionParser.parse(expression, { tz });
        for (let n = 0; n < 10; n += 1) fires.next();
        count += 10;
      }
    }
    return count / (used() - before);
  };
  return { utc_per_s: rate('UTC'), dst_per_s: rate('America/New_York') };
}

const figures = await { create, burst, calendar }[workload](sizes);
figures.rss_mb = process.resourceUsage().maxRSS / 1024;
console.log(JSON.stringify(figures));
