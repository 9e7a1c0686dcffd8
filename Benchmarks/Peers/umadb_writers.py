"""Events a second into a durable UmaDB: python umadb_writers.py FOLDER PROCESSES WRITERS SECONDS

Each writer appends one event at a time to a stream of its own, on the condition that the stream has none behind the
last one. Writers are threads of a few processes; a process has one client, whose calls leave Python while they wait.
"""

import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time

import umadb

PAYLOAD = b'{"clock":"device","metrics":{"battery":3.5,"humidity":40.25,"rssi":-51,"temperature":18.125},"seq":100001}'


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def write(client, tag, end, counts):
    condition = umadb.Query(items=[umadb.QueryItem(tags=[tag])])
    position = None
    count = 0
    while time.monotonic() < end:
        event = umadb.Event(event_type="TelemetryRecorded", data=PAYLOAD, tags=[tag])
        position = client.append([event], umadb.AppendCondition(fail_if_events_match=condition, after=position))
        count += 1
    counts.append(count)


def work(url, number, writers, seconds, start, results):
    client = umadb.Client(url)
    client.head()
    start.wait()
    counts = []
    begin = time.monotonic()
    threads = [
        threading.Thread(target=write, args=(client, f"device-{number}-{writer}", begin + seconds, counts))
        for writer in range(writers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    complete = len(counts) == writers
    results.put((sum(counts) if complete else 0, time.monotonic() - begin))


def main():
    folder, processes, writers, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    port = free_port()
    server = subprocess.Popen(
        [os.path.join(os.path.dirname(sys.executable), "umadb"), "--listen", f"127.0.0.1:{port}"]
        + ["--db-path", os.path.join(folder, "uma.db")],
        stdout=subprocess.DEVNULL,
    )
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                if server.poll() is not None:
                    sys.exit("UmaDB did not start")
                time.sleep(0.01)
        context = multiprocessing.get_context("spawn")
        # One that fails before all are there must not leave the others waiting.
        start, results = context.Barrier(processes, timeout=60), context.Queue()
        arguments = (writers // processes, seconds, start, results)
        workers = [
            context.Process(target=work, args=(f"http://127.0.0.1:{port}", number) + arguments)
            for number in range(processes)
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
    finally:
        # Its folder is thrown away, and softer signals may be blocked here.
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
