@testable import Runtime

/// One command of a writer, to one aggregate or to two together.
struct SimulatedOperation: Sendable {
    let number: Int
    let writer: Int
    let streams: [StreamName]
    let command: ScoreCommand
    let isKeyed: Bool
    let fence: StreamVersion?

    var id: UUID128 { Self.id(number) }
    var isJoint: Bool { streams.count > 1 }

    static func id(_ number: Int) -> UUID128 { UUID128(high: 0xc0c0, low: UInt64(number)) }
    static func number(_ id: UUID128) -> Int? { id.high == 0xc0c0 ? Int(id.low) : nil }

    private var fingerprint: UUID128? { isKeyed ? UUID128(high: 0xf1, low: UInt64(number)) : nil }

    private var context: CommandContext {
        CommandContext(time: Timestamp(microseconds: 1), principal: .system, scope: .all)
    }

    var envelope: CommandEnvelope<ScoreCommand> {
        CommandEnvelope(
            id: id, command, context: context, fence: fence, sideRows: [sideRow], fingerprint: fingerprint)
    }

    var joint: JointCommand { JointCommand(id: id, fingerprint: fingerprint, context: context) }

    /// What another member of a joint command is sent.
    var counterpart: ScoreCommand { ScoreCommand(amounts: command.amounts.map { -$0 }) }

    var sideRow: SideRow { SideRow(Statement("note", "select 1"), [.int8(Int64(number))]) }
}

/// What came of one attempt at an operation.
struct SimulatedAttempt: Sendable {
    enum Outcome: Sendable {
        case accepted(CommandReceipt.Effect, [StreamName: CommandReceipt])
        /// The aggregate or the log said no for good; nothing is stored.
        case refused(Refusal)
        /// Said to have left nothing.
        case failed(String)
        /// The server died before it answered.
        case unknown
    }

    enum Refusal: Sendable, Equatable {
        case rejected, fenced, reused
        case invalid(String)
        case other(String)
    }

    let operation: Int
    let server: Int
    /// Where the log stood when the attempt began and ended.
    let head: ClosedRange<Int64>
    let outcome: Outcome
}

extension SimulatedAttempt.Outcome {
    init(_ result: Result<CommandReceipt, DispatchError<ScoreRejection>>) {
        switch result {
        case .success(let receipt): self = .accepted(receipt.effect, [receipt.stream: receipt])
        case .failure(let error): self = .init(error)
        }
    }

    init(_ error: DispatchError<ScoreRejection>) {
        switch error {
        case .rejected: self = .refused(.rejected)
        case .fenced: self = .refused(.fenced)
        case .reused: self = .refused(.reused)
        case .invalid(let reason): self = .refused(.invalid(reason))
        case .stale: self = .refused(.other("stale"))
        case .overloaded: self = .failed("overloaded")
        case .contended: self = .failed("contended")
        case .unavailable(let reason): self = .failed(reason)
        case .broken(let reason): self = .failed(reason)
        }
    }

    init(_ error: JointError<DispatchError<ScoreRejection>>) {
        switch error {
        case .refused(let error): self = .init(error)
        case .reused: self = .refused(.reused)
        case .invalid(let reason): self = .refused(.invalid(reason))
        case .contended: self = .failed("contended")
        case .overloaded: self = .failed("overloaded")
        case .unavailable(let reason), .broken(let reason): self = .failed(reason)
        }
    }
}
