internal import CLibPQ
internal import Glibc

/// One `PGconn`, freed when the value goes. Not Sendable: it stays with the actor that opened it.
struct Wire: ~Copyable {
    enum Progress {
        case wait(Readiness)
        case ready
        case failed(String)
    }

    private let handle: OpaquePointer
    /// Written by libpq's notice receiver, on the thread of whoever calls libpq.
    private let warning: UnsafeMutablePointer<Bool>
    private let mustTakeWrites: Bool

    /// Begins to connect; nil if memory is short.
    init?(connectingTo parameters: [DatabaseURL.Parameter]) {
        let keywords = parameters.map { UnsafePointer($0.keyword.copyAsCString()) }
        let values = parameters.map { UnsafePointer($0.value.copyAsCString()) }
        defer { for copy in keywords + values { copy.deallocate() } }
        guard let handle = PQconnectStartParams(keywords + [nil], values + [nil], 0) else { return nil }
        self.handle = handle
        warning = .allocate(capacity: 1)
        warning.initialize(to: false)
        mustTakeWrites = parameters.contains { $0.keyword == "target_session_attrs" && $0.value == "read-write" }
        // The default prints to stderr.
        PQsetNoticeReceiver(
            handle,
            { context, notice in
                guard let notice, Pipeline.Reply.isWarning(notice) else { return }
                context?.assumingMemoryBound(to: Bool.self).pointee = true
            }, warning)
    }

    deinit {
        PQfinish(handle)
        warning.deallocate()
    }

    // MARK: Connecting

    var hasFailed: Bool { PQstatus(handle) == CONNECTION_BAD }
    var socket: Int32 { PQsocket(handle) }
    var backendPID: Int32 { PQbackendPID(handle) }

    /// libpq's last message, on one line. It names hosts and users, never a password.
    var message: String {
        guard let message = PQerrorMessage(handle) else { return "" }
        return String(cString: message).onOneLine
    }

    func poll() -> Progress {
        switch PQconnectPoll(handle) {
        case PGRES_POLLING_READING: .wait(.read)
        case PGRES_POLLING_WRITING: .wait(.write)
        case PGRES_POLLING_OK: .ready
        default: .failed(message)
        }
    }

    /// Makes the open connection non-blocking and pipelined.
    func settle() -> Bool {
        PQsetnonblocking(handle, 1) == 0 && enterPipeline()
    }

    func cancelHandle() -> CancelHandle? {
        PQgetCancel(handle).map { CancelHandle($0) }
    }

    // MARK: Sending; false means that the connection is broken

    func enterPipeline() -> Bool { PQenterPipelineMode(handle) == 1 }
    func exitPipeline() -> Bool { PQexitPipelineMode(handle) == 1 }
    func sendScript(_ sql: String) -> Bool { PQsendQuery(handle, sql) == 1 }
    func sendSync() -> Bool { PQpipelineSync(handle) == 1 }

    func sendPrepare(_ name: String, _ sql: String, types: [UInt32]) -> Bool {
        PQsendPrepare(handle, name, sql, Int32(types.count), types) == 1
    }

    /// Sends a statement, prepared under `name` or, without one, with its text.
    func send(_ bound: BoundStatement, preparedAs name: String?) -> Bool {
        let parameters = bound.parameters
        let count = parameters.slots.count
        return parameters.bytes.withUnsafeBytes { bytes in
            withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: max(1, count)) { values in
                withUnsafeTemporaryAllocation(of: Int32.self, capacity: max(1, count) * 2) { numbers in
                    let lengths = UnsafeMutableBufferPointer(rebasing: numbers[0..<max(1, count)])
                    let formats = UnsafeMutableBufferPointer(rebasing: numbers[max(1, count)...])
                    for (index, slot) in parameters.slots.enumerated() {
                        values.initializeElement(at: index, to: slot.range.map { Self.start(of: $0, in: bytes) })
                        lengths.initializeElement(at: index, to: Int32(truncatingIfNeeded: slot.range?.count ?? 0))
                        formats.initializeElement(at: index, to: 1)
                    }
                    if let name {
                        return PQsendQueryPrepared(
                            handle, name, Int32(count), values.baseAddress, lengths.baseAddress, formats.baseAddress, 1)
                    }
                    return PQsendQueryParams(
                        handle, bound.statement.sql, Int32(count), parameters.slots.map(\.type), values.baseAddress,
                        lengths.baseAddress, formats.baseAddress, 1)
                } == 1
            }
        }
    }

    /// libpq takes a nil pointer for null, so an empty value needs some address.
    private static func start(of range: Range<Int>, in bytes: UnsafeRawBufferPointer) -> UnsafePointer<CChar> {
        let start = range.isEmpty ? nil : bytes.baseAddress?.advanced(by: range.lowerBound)
        return (start ?? Self.somewhere).assumingMemoryBound(to: CChar.self)
    }

    // Never written to, and only ever read for zero bytes.
    nonisolated(unsafe) private static let somewhere = UnsafeRawPointer(
        UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1))

    // MARK: Receiving

    enum Flush { case done, more, broken }

    func flush() -> Flush {
        switch PQflush(handle) {
        case 0: .done
        case 1: .more
        default: .broken
        }
    }

    func consumeInput() -> Bool { PQconsumeInput(handle) == 1 }
    var isBusy: Bool { PQisBusy(handle) == 1 }
    var isInTransaction: Bool {
        PQtransactionStatus(handle) == PQTRANS_INTRANS || PQtransactionStatus(handle) == PQTRANS_INERROR
    }

    /// The next reply; only to be asked for while replies are outstanding and the wire is not busy.
    func nextReply() -> Pipeline.Reply {
        guard let result = PQgetResult(handle) else { return .end }
        defer { PQclear(result) }
        return Pipeline.Reply(result)
    }

    /// Whether the server has warned since this was last asked. A warning is read no later than the reply it came before.
    func takeWarning() -> Bool {
        defer { warning.pointee = false }
        return warning.pointee
    }

    /// Whether a server that was chosen because it takes writes has since said that it takes none.
    var refusesWrites: Bool {
        mustTakeWrites && (isOn("default_transaction_read_only") || isOn("in_hot_standby"))
    }

    private func isOn(_ parameter: String) -> Bool {
        PQparameterStatus(handle, parameter).map { strcmp($0, "on") == 0 } ?? false
    }

    enum CopyStep { case wait, end, failed }

    /// Hands over each message of a copy that has arrived whole.
    func takeCopy(_ body: (UnsafeRawBufferPointer) -> Void) -> CopyStep {
        while true {
            var message: UnsafeMutablePointer<CChar>?
            let size = PQgetCopyData(handle, &message, 1)
            defer { if let message { PQfreemem(message) } }
            switch size {
            case 0: return .wait
            case -1: return .end
            case ..<0: return .failed
            default: body(UnsafeRawBufferPointer(start: message, count: Int(size)))
            }
        }
    }

    /// Hands over all rows of a copy, and that there are no more; what the socket does not take yet waits for a flush.
    func sendCopy(_ rows: [UInt8]) -> Bool {
        rows.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: Self.copyMessage).allSatisfy { start in
                let size = min(Self.copyMessage, bytes.count - start)
                let part = bytes.baseAddress?.advanced(by: start).assumingMemoryBound(to: CChar.self)
                return PQputCopyData(handle, part, Int32(size)) == 1
            }
        } && PQputCopyEnd(handle, nil) == 1
    }

    private static let copyMessage = 1 << 16

    func nextNotification() -> PostgresNotification? {
        guard let notification = PQnotifies(handle) else { return nil }
        defer { PQfreemem(notification) }
        return PostgresNotification(
            channel: String(cString: notification.pointee.relname),
            payload: String(cString: notification.pointee.extra),
            backendPID: notification.pointee.be_pid)
    }
}

extension String {
    /// libpq breaks its messages for a terminal.
    var onOneLine: String { split(whereSeparator: \.isNewline).joined(separator: " ") }

    fileprivate func copyAsCString() -> UnsafeMutablePointer<CChar> {
        let characters = utf8CString
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: characters.count)
        characters.withUnsafeBufferPointer { source in
            for (index, character) in source.enumerated() { copy[index] = character }
        }
        return copy
    }
}
