import Foundation

/// The page `Benchmarks/RESULTS.md`.
package struct Results: Sendable {
    let machine: Machine
    let measures: [Measure]

    package init(_ measures: [Measure], on machine: Machine) {
        self.machine = machine
        self.measures = measures
    }

    package var markdown: String {
        let facts = machine.facts.map { "- \($0.name): \($0.value)" }
        let rows = measures.map { measure in
            let cells = [
                "`\(measure.measure)`", Self.grouped(measure.value), Self.grouped(measure.min),
                Self.grouped(measure.max), Self.grouped(measure.ceiling),
                String(format: measure.ratio < 0.1 ? "%.3f" : "%.2f", measure.ratio), measure.unit, "\(measure.runs)",
            ]
            return "| " + cells.joined(separator: " | ") + " |"
        }
        return (Self.introduction + facts + ["", Self.heading, Self.rule] + rows).joined(separator: "\n") + "\n"
    }

    private static let heading = "| measure | Fleetlog, median | min | max | ceiling, median | ratio | unit | runs |"
    private static let rule = "|---|---:|---:|---:|---:|---:|---|---:|"

    private static let introduction = [
        "# Results",
        "",
        "Written by `fleetlog bench all --write Benchmarks/RESULTS.md`. Compare ratios, not rates: each figure stands",
        "beside its ceiling, measured in turns with it on the same machine, in the same minutes, with `fsync` on.",
        "",
        "- `append.<writers>.libpq`: that many writers, each appending one event at a time to a stream of its own,",
        "  beside the same statements and parameters, encoded beforehand, in batches of one event a writer through",
        "  bare libpq. What is missing to 1 is the price of the event store. The aim is 0.7.",
        "- `append.<writers>.copy`: the same, beside one binary `COPY` of the same rows into the same table with the",
        "  same indexes. `COPY` commits once; few writers that each wait for their own commit are far from it.",
        "- `latency.<events/s>.<percentile>`: microseconds from the time at which an append of one event is due to its",
        "  answer, at that many a second to as many streams. Beside bare inserts of the same rows at the same times, each",
        "  committed by itself, over eight connections by bare libpq. What waits behind a slow answer counts as slow, too.",
        "  Less is better. The aim of `p99` is 5,000 more than the ceiling's.",
        "- `actor.<commanders>.libpq`: commands per second to one device from that many commanders, each of which waits for",
        "  its answer, through the directory. Beside appending as many events to one stream, 500 a batch, by the same",
        "  statements through bare libpq. The aim is 20,000.",
        "- `shapes.<shape>.libpq`: events per second in four lanes of 250 events each that are answered together, to `many`",
        "  small streams of five events, to eight `hot` streams, or to 100,000 streams by Zipf's law; beside the same",
        "  appends, two lanes' in a batch, by the same statements through bare libpq.",
        "- `shapes.<shape>.reader.libpq`: the same, while a reader follows the log from its start, beside the same ceiling",
        "  without a reader.",
        "- `peers.<writers>.umadb`: events per second from that many writers, each appending one event at a time to a stream",
        "  of its own, beside the same on UmaDB's own condition. Its client is the Python one, bindings to Rust, in the better",
        "  of one and two processes with a thread a writer; what Python takes of the two cores is in its figure. Not",
        "  measured where pip finds no network. The aim is 2 from 32 writers, 3 from 1,000.",
        "- `peers.<streams>.eventsourcing.<mode>`: the same from 1,000 writers, beside the Python library eventsourcing over",
        "  the same Postgres with its database functions on, in the better of one and two processes: `single` appends one",
        "  event a call in eight threads each, `batch` one to each of 1,000 streams a call. The aim is 2.",
        "- `read.undecoded.copy`: events per second in position order into the program's memory, page by page and bounded,",
        "  beside one binary `COPY` of the same columns and rows by bare libpq that leaves them be. The aim is 0.9.",
        "- `read.decoded.copy`: the same to typed events with everything about them, beside the same. The aim is 300,000.",
        "- `read.<events>.memory`: what the resident memory grows by at most while so many are decoded, beside a third of",
        "  them. The aim is a ratio of 1.1 at most.",
        "- `seals.seal.copy`: events per second that are read, hashed and stored as seals, of ten million, two million at a",
        "  time; beside one binary `COPY` of the same columns by bare libpq that leaves them be. The aim is 200,000.",
        "- `seals.verify.copy`: the same, all ten million compared with their seals and a signed head. The aim is 166,667.",
        "- `rebuild.devices.copy`: events per second of ten million into the view of 100,000 devices, from asking for it",
        "  until it serves, compared with the live one; beside one binary `COPY` of the same columns by bare libpq that",
        "  leaves them be. The aim is 200,000.",
        "- `rebuild.devices.memory`: what the resident memory grows by at most meanwhile, beside a quarter of the events. The",
        "  aim is a ratio of 1.1 at most.",
        "- `rebuild.devices.tether`: milliseconds from the commit of an event until the live view shows it while the view is",
        "  rebuilt, 99th percentile, beside the same without a rebuild. Less is better. The aim is 1,000.",
        "- `rebuild.telemetry.copy`: events per second into the view of telemetry, each reading with four metrics a minute after",
        "  the one before, from asking for it until it serves, compared with the live one; beside one binary `COPY` of the rows",
        "  that it writes into the same table with the same index by bare libpq. A row is an hour with its minutes, so there is",
        "  one for fifteen of these events, and the ceiling is high. The aim is 0.3.",
        "- `rebuild.telemetry.rows`: the same, beside one binary `COPY` of the same windows as a row each, into the same table with",
        "  the same index: what a view costs at least that does not pack its minutes.",
        "- `rebuild.telemetry.memory`: what the resident memory grows by at most meanwhile, beside a quarter of the events. The",
        "  aim is a ratio of 1.1 at most.",
        "- `rebuild.telemetry.tether`: milliseconds from the commit of an event until the live view shows it while the view is",
        "  rebuilt, at 200 events/s, 99th percentile, beside the aim. Less is better.",
        "- `views.2000.lag`: the same at 2,000 events/s, beside a follower that only reads. Less is better. The aim is 100.",
        "- `past.version.libpq`, `past.instant.libpq`: microseconds to the state of a device of 100,000 events at a version, or at an",
        "  instant, through the HTTP server, one after the other, 99th percentile; beside reading the same snapshot and the same events",
        "  by bare libpq. Less is better. The aim is 20,000.",
        "- `queries.500.<route>`: microseconds from the time at which a request is due to the end of its answer, 99th percentile, at 500",
        "  requests a second over the reading routes, mixed, on 100,000 devices and two million readings of one metric unless told otherwise;",
        "  beside the aim. Nobody has asked any of these questions before, so what they read may have to come from the disk, and that personal",
        "  data is read goes into the log first. What waits behind a slow answer counts as slow, too. Less is better.",
        "- `queries.500.again.<route>`: the same questions once more, when what they read lies in memory and their reads are in the log.",
        "- `guard.load.aim`, `guard.change.aim`, `guard.revocation.aim`: milliseconds until the broker's guard knows 100,000",
        "  devices, until a new key works, and until a revoked one's connection has ended; beside their aims. Less is better.",
        "- `guard.device.aim`: resident bytes of a device in the guard's table, beside its aim. Less is better.",
        "- `guard.throughput.broker`: QoS 1 messages per second through the broker with the guard, beside the same without.",
        "  The aim is 0.9.",
        "- `ingest.<devices>.broker`: QoS 1 messages per second from publishers through Mosquitto and the gateway,",
        "  committed and acknowledged, beside the same broker and load with a subscriber that only acknowledges.",
        "  Broker, Postgres, gateway and publishers share the cores; the views do not run. The aim is 0.4.",
        "- `workflows.<devices>.reading`: events per second through the three workflows of the server; each device is",
        "  watched by two of them, some overheat and cool down again, and some take part in a rollout. Beside reading and",
        "  decoding the same log and nothing else. The aim is 20,000.",
        "- `workflows.<readings/s>.tether`: the same runner afterwards, from a hot reading's commit to that of the decision",
        "  on it, 99th percentile, beside a follower that only reads. Less is better. The aim is 1,000.",
        "- `timers.<timers>.lateness`: that many devices found silent within a minute, each by a timer: from its time to",
        "  the decision's commit, 99th percentile, beside deleting the rows every 10 ms. Less is better. The aim is 200.",
        "- `rollout.<devices>.<quarter>.time`: microseconds a report in one rollout, in rounds of 100, through actor and",
        "  Postgres: that quarter of the devices beside the first. Less is better. The aim is a ratio of 1.1 at most.",
        "- `rollout.<devices>.<quarter>.processor`: the same by the time of processors, without Postgres.",
        "- `wake.<actors>.reading`: actors per second from sleep to an answer, asked all at once, each with a snapshot and",
        "  five events behind it; beside reading the same rows and leaving them be. The aim is 20,000.",
        "- `wake.1.latency`: one after the other, 99th percentile, beside the two queries that this takes. Less is better.",
        "  The aim is 3,000.",
        "- `memory.<actors>.actor`: resident bytes of a device actor that is awake, of that many, each with the reports of",
        "  20 minutes behind it; beside its bare state in an array. Less is better. The aim is 1,500 more than the state.",
        "- `memory.<actors>.resident`: what the process has resident with all of them awake, beside the aim. Less is better.",
        "- `webhooks.alone.libcurl`: webhooks per second from notifications in their table to answers in the ledger, eight",
        "  accounts with four mailboxes each, beside libcurl alone posting the same bodies, 64 at once, to the same",
        "  receiver in this process. The aim is 500/s.",
        "- `webhooks.dead.libcurl`: the same, with 1,000 more notifications for a mailbox that never answers.",
        "- `growth.<millions>m.<what>`: a log of so many million events beside one of a million, by `fleetlog bench growth`; being",
        "  measured makes each of them a million longer. `append`, `append.32`, `latency`, `shapes` and `actor` are as above, but for",
        "  a second or less. `log` and `decoded` read the last half million events in order of position, `stream` reads whole streams of",
        "  100 events one after the other, `wake` are 2,000 actors asked at once, and `wake.1` one after the other. Of `latency` and",
        "  `wake.1` less is better. The aim is a ratio of 0.8, or 1.2 at most.",
        "- `fleet.<devices>.visible.<percentile>`: milliseconds from a device's own time of a reading until the view `devices`",
        "  holds it, of that many devices with a reading a minute each, for 15 minutes, by `fleetlog bench fleet`; with all views,",
        "  workflows and the guard, as the server is run. As many devices are connected as the broker may have open files, each",
        "  with its own key; the readings of the others come over one connection. Less is better. The aim of `p99` is 250.",
        "- `fleet.<devices>.burst.drained`: seconds from the end of a minute of ten times as much until the view holds all of it,",
        "  each reading once. Less is better.",
        "- `fleet.<devices>.processors.<part>`, `.memory.<part>`: percent of one processor in those 15 minutes, and MiB at the",
        "  worst moment, of server, Postgres, broker and the simulated devices; beside what the machine has.",
        "- `migrate.<number>.<who>`: milliseconds that somebody waits at most while that migration is applied to a full database",
        "  of before, by `fleetlog bench migrate`: who appends, who looks at a device in the `view`, who looks at a `key` of one.",
        "  Beside the aim. Less is better.",
        "",
    ]

    private static func grouped(_ value: Double) -> String {
        let digits = Array(String(Int(value)))
        return digits.indices.map { index in
            let left = digits.count - index
            return (index > 0 && left.isMultiple(of: 3) ? "," : "") + String(digits[index])
        }.joined()
    }
}
