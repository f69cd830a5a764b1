# SPDX-License-Identifier: Apache-2.0
"""The PostgreSQL part of tests/bench/run: a server of its own in a temporary folder, which ends with the bench."""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "8GB", "checkpoint_timeout": "1h", "autovacuum": "off"}
LINEITEM = """CREATE TABLE lineitem(l_orderkey bigint, l_partkey int, l_suppkey int, l_linenumber int, l_quantity numeric(15,2),
    l_extendedprice numeric(15,2), l_discount numeric(15,2), l_tax numeric(15,2), l_returnflag text, l_linestatus text,
    l_shipdate date, l_commitdate date, l_receiptdate date, l_shipinstruct text, l_shipmode text, l_comment text)"""
KEY = "ALTER TABLE lineitem ADD PRIMARY KEY (l_orderkey, l_linenumber)"
TURNS = 3


class PostgresPart:
    def __init__(self, bench):
        self.bench, self.quick = bench, bench.quick
        self.server, self.url, self.place = None, None, bench.folder / "postgres"

    def run(self):
        sys.path.insert(0, str(ROOT / "tests/integration"))
        try:
            import postgres  # pylint: disable=import-outside-toplevel
        except ImportError as error:
            sys.exit(f"the part postgres needs the packages of tests/requirements.txt, as in .venv/bin/python tests/bench/run: {error}")
        self.server = postgres.Server(settings=SETTINGS)
        try:
            self.place.mkdir()
            for measure in (self.latency, self.load, self.tables, self.backlogs):  # what waits for a disk that is busy comes first
                measure()
        finally:
            self.server.close()

    def database(self, name, *statements):
        with self.server.connect() as db:
            db.execute(f"CREATE DATABASE {name}")
        self.url = f"postgresql://postgres@/{name}?host={self.server.folder}&port={self.server.port}"
        with self.server.connect(name) as db:
            for statement in statements:
                db.execute(statement)

    def serves(self):
        """Whether a backend runs, or has ended and was not yet counted."""
        pid = self.server.process.pid
        for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            try:
                title = pathlib.Path(f"/proc/{child}/cmdline").read_text("utf-8", "replace")
            except OSError:
                continue
            if title == "" or "[local]" in title:
                return True
        return False

    def server_cpu(self):
        """Seconds of the postmaster and of the backends that have ended, once all have."""
        until = time.monotonic() + 10
        while self.serves() and time.monotonic() < until:
            time.sleep(0.02)
        fields = pathlib.Path(f"/proc/{self.server.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")

    def run_once(self, sample=False, pin=()):
        command = [*pin, self.bench.build / "lakefeed", "run", "--track", "--takeover", "--once", "--source", self.url,
                   "--lake", f"file:{self.place / 'lake'}", "--state-dir", self.place / "state"]
        return self.bench.measure(command, sample)

    def new_lake(self):
        for folder in ("lake", "state"):
            shutil.rmtree(self.place / folder, ignore_errors=True)

    # ---- the load ----

    def fill(self):
        """lineitem of TPC-H; rows."""
        generator = pathlib.Path(sys.executable).with_name("tpchgen-cli")
        scale = 0.1 if self.quick else 1
        subprocess.run([str(generator), "csv", "-s", str(scale), "--tables=lineitem", f"--output-dir={self.place}"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        table = self.place / "lineitem.csv"
        self.database("tpch", LINEITEM)
        with self.server.connect("tpch") as db:
            with open(table, "rb") as file, db.cursor().copy("COPY lineitem FROM STDIN (FORMAT csv, HEADER)") as copy:
                while block := file.read(1 << 20):
                    copy.write(block)
            db.execute(KEY)
            db.execute("VACUUM ANALYZE lineitem")
            rows, middle = db.execute("SELECT count(*), (max(l_orderkey) + min(l_orderkey)) / 2 FROM lineitem").fetchone()
        table.unlink()
        return rows, middle

    def load(self):
        rows, middle = self.fill()
        halves = [f"WHERE l_orderkey <= {middle}", f"WHERE l_orderkey > {middle}"]
        if os.cpu_count() > 1:
            self.compare_load(rows, halves, "the server on one core, the client on another", apart=True)
        self.compare_load(rows, halves, "server and client on the same cores", apart=False)

    def compare_load(self, rows, halves, where, apart):
        """The load beside bare loops of one and of two connections. With `apart` neither side can take processor time from the other,
        as when the server is another machine."""
        everywhere = os.sched_getaffinity(0)
        server, client = sorted(everywhere)[:2] if apart else (None, None)
        os.sched_setaffinity(self.server.process.pid, {server} if apart else everywhere)  # backends inherit it
        pin = ["taskset", "-c", str(client)] if apart else []
        runs = {"one": [], "two": [], "load": []}
        cpu = []
        for _ in range(TURNS):
            begin = self.server_cpu()
            runs["one"].append(self.copy(pin, ""))
            runs["two"].append(self.copy(pin, *halves))
            middle_s = self.server_cpu()
            self.new_lake()
            runs["load"].append(self.run_once(sample=not pin, pin=pin))
            cpu.append((self.server_cpu() - middle_s) / ((middle_s - begin) / 2))
        os.sched_setaffinity(self.server.process.pid, everywhere)
        for name, connections in (("one", "1 connection"), ("two", "2 connections")):
            ratio = statistics.median(a.wall_s / b.wall_s for a, b in zip(runs[name], runs["load"]))
            self.bench.add(f"PostgreSQL, {where}: load of {rows:,} rows: COPY csv by {connections} / load, wall time", f"{ratio:.2f}",
                           "aim: at least 0.90" if apart else "no more than what the two sides leave each other")
        self.bench.add("the same: processor time of the server, load / COPY csv", f"{statistics.median(cpu):.2f}", "aim: at most 1")
        own = statistics.median(run.cpu_s for run in runs["load"])
        self.bench.add("the same: processor time of lakefeed", f"{own:.1f} s, {rows / own:,.0f} rows/s")
        if not pin:
            self.bench.add_memory("PostgreSQL: the same load", max(runs["load"], key=lambda run: run.anon_bytes))

    def copy(self, pin, *conditions):
        copies = [f"COPY (SELECT * FROM lineitem {condition} ORDER BY l_orderkey, l_linenumber) TO STDOUT (FORMAT csv)"
                  for condition in conditions]
        return self.bench.measure([*pin, self.bench.build / "bench_postgres_copy", self.url, *copies])

    def tables(self):
        count = 200 if self.quick else 1000
        self.database("many")
        with self.server.connect("many") as db:
            for number in range(count):
                db.execute(f"CREATE TABLE t{number}(id int PRIMARY KEY, a numeric(10,2), b text)")
                db.execute(f"INSERT INTO t{number} SELECT i, i, 'row ' || i FROM generate_series(1, 20) i")
        self.new_lake()
        begin = self.server_cpu()
        run = self.run_once(sample=True)
        self.bench.add(f"PostgreSQL: load of {count} small tables", f"{run.wall_s:.1f} s", "aim: 5 ms each on idle cores")
        self.bench.add("the same: processor time, lakefeed and server", f"{run.cpu_s:.1f} s, {self.server_cpu() - begin:.1f} s")
        self.bench.add_memory("PostgreSQL: the same load", run)

    # ---- the stream ----

    def stream(self, *arguments):
        out = self.bench.output([self.bench.build / "bench_postgres_stream", self.url, *arguments])
        return [json.loads(line) for line in out.splitlines()]

    def backlogs(self):
        self.database("backlog")
        for line in self.stream(str(100_000 if self.quick else 1_000_000), "3"):
            if "backlog" in line:
                self.bench.add(f"PostgreSQL: backlog of {line['changes']:,} changes, {line['backlog']}: bare loop / stream",
                               f"{line['ratio']:.2f}  ({line['bare_per_s']:,} / {line['stream_per_s']:,} changes/s)", "aim: at least 0.75")
            else:
                self.bench.add("the same: largest resident memory, code included", f"{line['peak_resident_kib'] / 1024:.1f} MiB")

    def latency(self):
        self.database("latency")
        for line in self.stream("latency", "3" if self.quick else "15"):
            self.bench.add(f"PostgreSQL: commit to {line['reader']}, transactions of {line['changes']}, {line['per_s']:,} changes/s",
                           f"p50 {line['p50_ms']:.2f} ms, p99 {line['p99_ms']:.2f} ms",
                           "aim: p99 under 10 ms" if line["reader"] == "hand-over" else "the limit")
