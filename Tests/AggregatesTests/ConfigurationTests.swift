import Aggregates
import Foundation
import Runtime
import Testing

private typealias Spec = Specification<Device>

private let registered = Device.Event.registered(
    DeviceRegistered(serial: "S-1", type: DeviceType("smoke"), name: "", labels: [:], account: .default))

private func desired(_ version: Int64, _ interval: Double) -> Device.Event {
    .configurationDesired(ConfigurationDesired(version: version, config: ["interval": .number(interval)]))
}

private func desire(_ interval: Double, ifVersion version: Int64? = nil) -> Device.Command {
    .desireConfiguration(["interval": .number(interval)], ifVersion: version)
}

private func report(_ version: Int64?, _ interval: Double, error: String? = nil) -> ConfigurationReported {
    ConfigurationReported(version: version, config: ["interval": .number(interval)], error: error)
}

@Suite struct `The configuration of a device` {
    @Test func `has a version that counts what was desired`() {
        let spec = Spec.given(registered)
        spec.when(desire(60)).then(desired(1, 60))
        spec.and(desired(1, 60), at: .noon).when(desire(30)).then(desired(2, 30))
        spec.and(desired(1, 60), at: .noon).when(desire(60)).thenNothing()
    }

    @Test func `is changed only from the version that is expected`() {
        let spec = Spec.given(registered)
        spec.when(desire(60, ifVersion: 0)).then(desired(1, 60))
        spec.when(desire(60, ifVersion: 1)).thenRejected(.configurationMoved(version: 0))
        spec.and(desired(1, 60), at: .noon).when(desire(60, ifVersion: 0))
            .thenRejected(.configurationMoved(version: 1))
    }

    @Test func `is what the device reports, and noted only when it differs`() {
        let spec = Spec.given(registered, desired(1, 60))
        spec.when(.reportConfiguration(report(1, 60))).then(.configurationReported(report(1, 60)))
        let reported = spec.and(.configurationReported(report(1, 60)), at: .noon)
        reported.when(.reportConfiguration(report(1, 60))).thenNothing()
        reported.when(.reportConfiguration(report(1, 60, error: "no"))).then(
            .configurationReported(report(1, 60, error: "no")))
        #expect(reported.state.configuration.differences.isEmpty)
        #expect(reported.state.connectivity.presence == .online)
        spec.when(.reportConfiguration(report(2, 60))).thenRejected(
            .malformed(field: "version", reason: "is none that the device was given"))
    }

    @Test func `differs where one has what the other has not`() {
        let config: [String: JSONValue] = [
            "a": .number(1), "same": .text("x"), "list": .list([.number(1)]), "in": .object(["b/c~": .bool(true)]),
        ]
        let actual: [String: JSONValue] = [
            "a": .number(2), "same": .text("x"), "list": .list([.number(2)]), "in": .object([:]), "more": .null,
        ]
        let state = Spec.given(
            registered, .configurationDesired(ConfigurationDesired(version: 1, config: config)),
            .configurationReported(ConfigurationReported(config: actual))
        ).state
        #expect(
            state.configuration.differences == [
                .init(path: "/a", desired: .number(1), reported: .number(2)),
                .init(path: "/in/b~1c~0", desired: .bool(true), reported: nil),
                .init(path: "/list", desired: .list([.number(1)]), reported: .list([.number(2)])),
                .init(path: "/more", desired: nil, reported: .null),
            ])
    }

    @Test func `is bounded`() {
        let wide = ["text": JSONValue.text(String(repeating: "x", count: Configuration.mostBytes))]
        var deep = JSONValue.object([:])
        for _ in 0..<Configuration.mostLevels { deep = .object(["in": deep]) }
        for config in [wide, ["deep": deep]] {
            guard
                case .failure(.malformed("config", _)) = Spec.given(registered)
                    .when(.desireConfiguration(config, ifVersion: nil)).result
            else {
                Issue.record("it was taken")
                continue
            }
        }
    }
}
