import Aggregates
import Foundation
import Runtime
import Testing

private typealias Spec = Specification<Device>

private let home = AccountID("home")
private let registered = Device.Event.registered(
    DeviceRegistered(serial: "S-1", type: DeviceType("smoke"), name: "Hall", labels: [:], account: home))

@Suite struct `The keys of a device` {
    private func state(after events: [Device.Event]) -> Device.State {
        events.reduce(into: Device.initial) {
            Device.evolve(&$0, with: $1, observedAt: Timestamp("2026-11-21T08:00:00Z") ?? .now())
        }
    }

    private func decided(_ command: Device.Command, _ state: Device.State) throws -> [Device.Event] {
        let time = Timestamp("2026-11-21T08:00:00Z") ?? .now()
        return try Device.decide(
            command, in: state, context: CommandContext(time: time, principal: .system, scope: .all))
    }

    @Test func `are numbered, and no number comes twice`() throws {
        var state = state(after: [registered])
        #expect(state.keys.map(\.number) == [1])
        for number in 2...3 {
            for event in try decided(.issueCredential(), state) {
                Device.evolve(&state, with: event, observedAt: .now())
            }
            #expect(state.keys.map(\.number) == Array(1...number))
        }
        for event in try decided(.revokeCredential(key: 3), state) {
            Device.evolve(&state, with: event, observedAt: .now())
        }
        for event in try decided(.issueCredential(), state) { Device.evolve(&state, with: event, observedAt: .now()) }
        #expect(state.keys.map(\.number) == [1, 2, 4])
    }

    @Test func `end after the overlap of a rotation, but for the new one and those that end earlier`() throws {
        let now = try #require(Timestamp("2026-11-21T08:00:00Z"))
        var state = state(after: [registered])
        for overlap in [Duration.seconds(60), .seconds(3_600)] {
            for event in try decided(.rotateCredentials(overlap: overlap), state) {
                Device.evolve(&state, with: event, observedAt: now)
            }
        }
        #expect(state.keys.map(\.expires) == [now + .seconds(60), now + .seconds(3_600), nil])
        #expect(state.validKeys(at: now + .seconds(59)).count == 3)
        #expect(state.validKeys(at: now + .seconds(60)).map(\.number) == [2, 3])
    }

    @Test func `are forgotten when they have ended, however often they are rotated`() throws {
        let start = try #require(Timestamp("2026-11-21T08:00:00Z"))
        var state = state(after: [registered])
        for hour in 1...100 as ClosedRange<Int64> {
            let now = start + .seconds(hour * 3_600)
            let context = CommandContext(time: now, principal: .system, scope: .all)
            for event in try Device.decide(.rotateCredentials(overlap: .seconds(7_200)), in: state, context: context) {
                Device.evolve(&state, with: event, observedAt: now)
            }
        }
        #expect(state.keys.map(\.number) == [99, 100, 101])
        #expect(state.issuedKeys == 101)
    }

    @Test func `are eight at most, and none of a number that is not there`() throws {
        var state = state(after: [registered])
        for _ in 2...8 {
            for event in try decided(.issueCredential(), state) {
                Device.evolve(&state, with: event, observedAt: .now())
            }
        }
        #expect(throws: Device.Rejection.tooManyCredentials) { try decided(.issueCredential(), state) }
        #expect(throws: Device.Rejection.tooManyCredentials) {
            try decided(.rotateCredentials(overlap: .seconds(1)), state)
        }
        #expect(throws: Device.Rejection.unknownCredential) { try decided(.revokeCredential(key: 9), state) }
    }

    @Test func `are certificates too, which end with their validity or the overlap, whichever is earlier`() throws {
        let now = try #require(Timestamp("2026-11-21T08:00:00Z"))
        func certificate(_ end: Timestamp) -> DeviceCertificate {
            DeviceCertificate(sha256: "aa", subject: "CN=d", notAfter: end)
        }
        var state = state(after: [registered])
        let (soon, late) = (certificate(now + .seconds(30)), certificate(now + .seconds(9_000)))
        for command in [
            Device.Command.issueCredential(soon), .issueCredential(late),
            .rotateCredentials(overlap: .seconds(60), to: late),
        ] {
            for event in try decided(command, state) { Device.evolve(&state, with: event, observedAt: now) }
        }
        #expect(state.keys.map(\.number) == [1, 2, 3, 4])
        #expect(
            state.keys.map(\.expires)
                == [now + .seconds(60), now + .seconds(30), now + .seconds(60), late.notAfter])
        #expect(state.keys.map(\.certificate) == [nil, soon, late, late])
        #expect(state.validKeys(at: now + .seconds(30)).map(\.number) == [1, 3, 4])
        for ended in [now, now + .seconds(-1)] {
            #expect(throws: Device.Rejection.certificateExpired(ended)) {
                try decided(.issueCredential(certificate(ended)), state)
            }
            #expect(throws: Device.Rejection.certificateExpired(ended)) {
                try decided(.rotateCredentials(overlap: .seconds(1), to: certificate(ended)), state)
            }
        }
        let coded = try JSONDecoder().decode(Device.State.self, from: JSONEncoder().encode(state))
        #expect(coded.keys == state.keys)
    }

    @Test func `are gone when it is retired`() throws {
        let retired = state(after: [registered, .retired(DeviceRetired(reason: ""))])
        #expect(retired.keys.isEmpty)
        #expect(throws: Device.Rejection.retired) { try decided(.issueCredential(), retired) }
    }
}
