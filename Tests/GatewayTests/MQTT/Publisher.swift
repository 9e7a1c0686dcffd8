import Foundation
import Installation
import Runtime
import Support

@testable import Gateway

/// A device's side of the broker: publishes with QoS 1 and waits for the broker's acknowledgements.
actor Publisher {
    private let client: MosquittoClient
    private let thread: PollThread

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - topics: what to subscribe to.
    ///   - retained: whether to be sent what is retained there.
    init(
        to address: BrokerAddress, as clientID: String = "device-\(UInt32.random(in: 0 ... .max))",
        topics: [String] = [], retained: Bool = false, on thread: PollThread
    ) async throws {
        self.thread = thread
        client = try MosquittoClient(
            address, .init(clientID: clientID, cleanStart: true, sessionExpiry: 0, receiveMaximum: 1_000, keepAlive: 60)
        )
        try await connect(topics, retained)
    }

    private func connect(_ topics: [String], _ retained: Bool) async throws {
        try client.connect()
        if !topics.isEmpty { try client.subscribe(to: topics, retained: retained) }
        while client.inbox.greeting == nil || (!topics.isEmpty && client.inbox.subscription == nil) { try await step() }
        guard client.inbox.greeting?.reasonCode == 0 else { throw MQTTError.refused(reasonCode: 1) }
    }

    /// Returns when the broker has acknowledged them all.
    func publish(_ payloads: [String], to topic: String, qos: Int32 = 1) async throws {
        try await publish(payloads.map { (topic, Array($0.utf8)) }, qos: qos)
    }

    func publish(_ messages: [(topic: String, payload: [UInt8])], qos: Int32 = 1) async throws {
        client.inbox.published = []
        for (topic, payload) in messages { try client.publish(payload, to: topic, qos: qos) }
        while client.inbox.published.count < messages.count { try await step() }
    }

    func retain(_ payload: String, at topic: String) async throws {
        client.inbox.published = []
        try client.publish(Array(payload.utf8), to: topic, qos: 1, retained: true)
        while client.inbox.published.isEmpty { try await step() }
    }

    /// The next messages that arrive.
    func receive() async throws -> [ReceivedMessage] {
        while client.inbox.messages.isEmpty { try await step() }
        return client.inbox.takeMessages()
    }

    /// What has arrived and nobody has taken.
    var unread: [ReceivedMessage] { client.inbox.messages }

    private func step() async throws {
        try client.write()
        let interest: Readiness = client.wantsWrite ? [.read, .write] : .read
        guard try await thread.isReady(client.socket, for: interest, until: .now + .seconds(20)) else {
            throw MQTTError.timedOut(waitingFor: "the broker")
        }
        repeat { try client.read() } while client.isReadable
    }
}

extension ThrowawayBroker {
    var gatewayAddress: BrokerAddress {
        BrokerAddress(
            host: address, port: port, username: BrokerFiles.gatewayUser, password: files.gatewayPassword)
    }
}
