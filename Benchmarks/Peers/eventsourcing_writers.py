"""Events a second into Postgres by eventsourcing: python eventsourcing_writers.py URL PROCESSES STREAMS PER_CALL SECONDS

Each process has its share of the streams and appends to them in turn, as many events a call (one transaction) as
streams are named by PER_CALL; with one event a call, eight threads of a process do so at once. Its database functions
are on, which need one round trip a call.
"""

import multiprocessing
import sys
import threading
import time
import uuid

import psycopg.conninfo
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

PAYLOAD = b'{"clock":"device","metrics":{"battery":3.5,"humidity":40.25,"rssi":-51,"temperature":18.125},"seq":100001}'


def recorder(url, connections):
    parts = psycopg.conninfo.conninfo_to_dict(url)
    datastore = PostgresDatastore(
        dbname=parts["dbname"], host=parts["host"], port=parts.get("port", "5432"), user=parts["user"],
        password=parts.get("password", ""), pool_size=connections, enable_db_functions=True,
    )
    return PostgresApplicationRecorder(datastore)


def write(target, streams, per_call, end, counts):
    version = count = 0
    while time.monotonic() < end:
        version += 1
        for first in range(0, len(streams), per_call):
            called = streams[first : first + per_call]
            target.insert_events([StoredEvent(stream, version, "TelemetryRecorded", PAYLOAD) for stream in called])
            count += len(called)
            if time.monotonic() >= end:
                break
    counts.append(count)


def work(url, streams, per_call, seconds, turn, start, results):
    lanes = 8 if per_call == 1 else 1
    target = recorder(url, lanes)
    # It replaces functions as well, which Postgres refuses to two at once.
    with turn:
        target.create_table()
    shares = [[uuid.uuid4() for _ in range(streams // lanes)] for _ in range(lanes)]
    start.wait()
    counts = []
    begin = time.monotonic()
    threads = [threading.Thread(target=write, args=(target, share, per_call, begin + seconds, counts)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put((sum(counts) if len(counts) == lanes else 0, time.monotonic() - begin))
    target.datastore.close()


def main():
    url, processes, streams, per_call, seconds = sys.argv[1:6]
    processes, streams, per_call, seconds = int(processes), int(streams), int(per_call), float(seconds)
    first = recorder(url, 1)
    first.create_table()
    first.datastore.close()
    context = multiprocessing.get_context("spawn")
    # One that fails before all are there must not leave the others waiting.
    turn, start, results = context.Lock(), context.Barrier(processes, timeout=60), context.Queue()
    workers = [
        context.Process(target=work, args=(url, streams // processes, per_call, seconds, turn, start, results))
        for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(seconds + 120)
    if any(worker.exitcode != 0 for worker in workers):
        for worker in workers:
            worker.kill()
        sys.exit("a writer failed, or came to no end")
    found = [results.get() for _ in workers]
    print(sum(count for count, _ in found) / max(time for _, time in found))


if __name__ == "__main__":
    main()
