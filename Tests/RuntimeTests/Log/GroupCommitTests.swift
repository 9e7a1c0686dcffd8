import Logging
import Testing

@testable import Runtime

@Suite(.timeLimit(.minutes(1))) struct `A group commit` {
    private let transport = HeldTransport()
    private let commit: GroupCommit

    init() {
        commit = GroupCommit(
            link: transport, signal: LogSignal(), limits: .init(batchEvents: 10), telemetry: .unknown,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// How many of so many appends are accepted, if all that is under way after `body` is answered.
    private func accepted(
        of count: Int, refusing: Bool = false, _ body: () async throws -> Void
    ) async throws -> Int {
        async let answers = commit.append(
            (0..<count).map { _ in Append([StreamChange(.fresh("s"), expecting: 0, events: .samples(1))]) })
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        await transport.answerAll(refusing: refusing)
        let accepted = await answers.count { (try? $0.get())?.receipt != nil }
        try result.get()
        return accepted
    }

    @Test func `sends one full batch behind the one under way, and no more, before any is answered`() async throws {
        let accepted = try await accepted(of: 35) {
            let first = try await transport.sent(1)
            let second = try await transport.sent(2)
            #expect(!first.isBehind && first.events == 10)
            #expect(second.isBehind && second.events == 10)
            #expect(await transport.mostUnderWay == 2)
            await transport.answerFirst()
            let third = try await transport.sent(3)
            #expect(third.isBehind && third.events == 10, "the second is the one under way now")
        }
        #expect(accepted == 35)
        #expect(await transport.mostUnderWay == 2)
    }

    @Test func `sends a batch that is not full by itself`() async throws {
        let accepted = try await accepted(of: 13) {
            _ = try await transport.sent(1)
            await transport.answerFirst()
            let second = try await transport.sent(2)
            #expect(!second.isBehind && second.events == 3)
        }
        #expect(accepted == 13)
    }

    @Test(arguments: [PostgresError.refused(.failedTransaction), .connectionLost(outcomeUnknown: false)])
    func `sends what was behind a failed batch once more, by itself`(_ failure: PostgresError) async throws {
        let accepted = try await accepted(of: 20) {
            _ = try await transport.sent(2)
            await transport.answerFirst(.refused(.serializationFailure))
            let again = try await transport.sent(3)
            #expect(!again.isBehind && again.expected == nil, "what was known was known before the failure")
            await transport.answerFirst(failure)
            await transport.answerFirst()
            let last = try await transport.sent(4)
            #expect(!last.isBehind && last.events == 10)
        }
        #expect(accepted == 20)
    }

    @Test func `asks for the fate of a batch behind another when the answer to both is lost`() async throws {
        // Both had been committed, so that each comes upon its own events.
        let accepted = try await accepted(of: 20, refusing: true) {
            _ = try await transport.sent(2)
            await transport.answerFirst(.connectionLost(outcomeUnknown: true))
            await transport.answerFirst(.connectionLost(outcomeUnknown: true))
        }
        #expect(accepted == 20)
        #expect(await transport.lookUps == 20)
    }
}
