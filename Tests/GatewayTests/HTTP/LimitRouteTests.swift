import Aggregates
import Foundation
import Gateway
import Runtime
import Support
import Testing

@testable import Gateway

@Suite(.timeLimit(.minutes(2))) struct `What a device may send` {
    private let types = "/api/v1/accounts/default/device-types"

    @Test func `is said by its type version by version, by itself, and else by the server`() async throws {
        try await PostgresLog.with { log in
            try await TestGateway.with(store: log.store, limit: DeviceLimit()) { gateway in
                let id = try await gateway.register()
                let path = "/api/v1/devices/\(id)"
                let standard = try await gateway.ask("GET", "\(path)/limits")
                #expect(
                    standard.body == """
                        {"effective":{"byteBurst":67108864,"bytesPerSecond":1048576,"excess":"disconnect",\
                        "messageBurst":12000,"messagesPerMinute":6000}}
                        """)
                let typed = #"{"metrics":{},"limits":{"messagesPerMinute":60,"bytesPerSecond":1000}}"#
                let type = try await gateway.ask("PUT", "\(types)/smoke", typed)
                #expect(
                    type.status == 201
                        && type.body.contains(#""limits":{"bytesPerSecond":1000,"messagesPerMinute":60}"#))
                #expect(try await gateway.ask("PUT", "\(types)/smoke", typed).json["version"] as? Int == 1)
                let more = typed.replacing("60", with: "90")
                #expect(try await gateway.ask("PUT", "\(types)/smoke", more).json["version"] as? Int == 2)
                try await eventually { gateway.catalog.current.limits.values.first?.messagesPerMinute == 90 }
                let own = try await gateway.ask("PATCH", path, #"{"limits":{"excess":"drop","messageBurst":7}}"#)
                #expect(own.status == 200, "\(own)")
                let both = try await gateway.ask("GET", "\(path)/limits")
                #expect(
                    both.body == """
                        {"device":{"excess":"drop","messageBurst":7},"effective":{"byteBurst":64000,\
                        "bytesPerSecond":1000,"excess":"drop","messageBurst":7,"messagesPerMinute":90},\
                        "type":{"bytesPerSecond":1000,"messagesPerMinute":90}}
                        """)
                let stored = try #require(try await PostgresDeviceAccess(pool: log.pool).access(of: [id]).first)
                #expect(stored.limits == MessageLimits(messageBurst: 7, excess: .drop))
                #expect(stored.type == DeviceTypeName(account: .default, type: DeviceType("smoke")))
                #expect(try await gateway.ask("PATCH", path, #"{"limits":null,"type":"oven"}"#).status == 200)
                let changed = try #require(try await PostgresDeviceAccess(pool: log.pool).access(of: [id]).first)
                #expect(changed.limits == nil && changed.type?.type == DeviceType("oven"))
                #expect(changed.revision > stored.revision)
                #expect(try await gateway.ask("GET", "\(path)/limits").body == standard.body)
            }
        }
    }

    @Test(arguments: [
        #"{"limits":7}"#, #"{"limits":{"messages":1}}"#, #"{"limits":{"messagesPerMinute":-1}}"#,
        #"{"limits":{"messageBurst":0}}"#, #"{"limits":{"excess":"delay"}}"#,
        #"{"limits":{"byteBurst":4294967296}}"#,
    ]) func `is refused if it makes no sense`(body: String) async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            #expect(try await gateway.ask("PATCH", "/api/v1/devices/\(id)", body).status == 400)
            let type = body.replacing(#"{"limits""#, with: #"{"metrics":{},"limits""#)
            #expect(try await gateway.ask("PUT", "\(types)/smoke", type).status == 400)
        }
    }

    @Test func `is nobody's to read but the account's`() async throws {
        try await TestGateway.with { gateway in
            let path = "/api/v1/devices/\(try await gateway.register())/limits"
            let stranger = try await gateway.token(for: "other")
            #expect(try await gateway.ask("GET", path, token: stranger).status == 404)
        }
    }
}

@Suite struct `The allowance of a device` {
    @Test func `is a burst, and then a rate, in messages and in bytes`() {
        let allowance = ReadingAllowance()
        let limit = DeviceLimit(messagesPerMinute: 60, messageBurst: 2, bytesPerSecond: 100, byteBurst: 1_000)
        let start = ContinuousClock.now
        func take(_ bytes: Int, after seconds: Double, of device: String = "a") -> Int? {
            allowance.take(device, bytes: bytes, limit, now: start + .seconds(seconds))
        }
        #expect(take(1, after: 0) == nil && take(1, after: 0) == nil)
        #expect(take(1, after: 0) == 1 && take(1, after: 0, of: "b") == nil)
        #expect(take(1, after: 1.01) == nil && take(1, after: 1.02) == 1)
        #expect(take(5_000, after: 60) == nil, "as much as the burst passes when the bucket is full")
        #expect(take(500, after: 61) == 4)
        #expect(take(500, after: 65.01) == nil)
    }
}
