import Foundation
import Installation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(2))) struct `An audit by the program` {
        struct Result: Decodable {
            struct View: Decodable { var name: String, rows: Int, devices: Int?, devicesInLog: Int? }
            struct Finding: Decodable {
                var law: String, stream: String?, version: Int?, position: Int?, problem: String
            }

            var ok: Bool, events: Int, findingsCount: Int
            var views: [View], findings: [Finding]
        }

        @Test func `finds nothing while devices report, and then what somebody has changed`() async throws {
            try await TestedSystem.with { system in
                let api = system.api(try await system.start())
                try await api.configure(#"{"overheating":{"limit":10,"n":1,"seconds":0}}"#)
                _ = try await Load.during(on: system, api: api) { _ in
                    for _ in 1...5 {
                        try await system.growth(by: 50)
                        let result = try await audit(system)
                        guard result.ok, result.findings.isEmpty else { throw Wrong("under load: \(result)") }
                    }
                }
                try await system.viewsCaughtUp()
                let clean = try await audit(system)
                guard clean.ok, clean.events >= 250, clean.views.count == 7,
                    clean.views.allSatisfy({ $0.rows > 0 || !["devices", "telemetry", "states"].contains($0.name) }),
                    clean.views.suffix(2).allSatisfy({ $0.devices == clean.views[0].rows && $0.devicesInLog == nil })
                else { throw Wrong("the audit says \(clean)") }
                for (view, change) in [
                    (
                        "telemetry",
                        "update telemetry_windows set count = count + 1 where device in (select min(id) from devices)"
                    ),
                    ("states", "delete from states where device in (select max(id) from devices)"),
                ] {
                    _ = try await system.texts("change \(view)", change + " returning device")
                    let changed = try await audit(system)
                    guard changed.findingsCount == 1, changed.findings[0].problem.contains("the view \(view) "),
                        changed.findings[0].stream?.hasPrefix("device-") == true, changed.findings[0].version != nil
                    else { throw Wrong("the audit of changed \(view) says \(changed)") }
                    guard let device = changed.findings[0].stream?.dropFirst("device-".count) else { return }
                    _ = try await Executable.run(
                        ["replay", view, "--only", String(device), "--database-url", system.database.serverURL])
                }
                let sample = try await audit(system, ["--devices", "2"])
                guard sample.ok,
                    sample.views.suffix(2).allSatisfy({ $0.devices == 2 && $0.devicesInLog == clean.views[0].rows })
                else { throw Wrong("the audit of a sample says \(sample)") }
                _ = try await system.texts(
                    "change a row",
                    """
                    update devices set name = 'changed'
                    where id = (select substr(stream, 8) from events where category = 'device' limit 1)
                    returning id
                    """)
                let changed = try await audit(system)
                guard !changed.ok, changed.findingsCount == 1, changed.findings[0].law == "views",
                    changed.findings[0].stream?.hasPrefix("device-") == true
                else { throw Wrong("the audit of a changed view says \(changed)") }
                let text = try await Executable.output(["audit", "--database-url", system.database.serverURL])
                guard !text.succeeded, text.text.contains("FINDING: views: stream device-") else {
                    throw Wrong("as text it says \(text.text)")
                }
            }
        }

        private func audit(_ system: TestedSystem, _ options: [String] = []) async throws -> Result {
            let output = try await Executable.output(
                ["audit", "check", "--json", "--database-url", system.database.serverURL] + options)
            return try JSONDecoder().decode(Result.self, from: Data(output.text.utf8))
        }
    }
}
