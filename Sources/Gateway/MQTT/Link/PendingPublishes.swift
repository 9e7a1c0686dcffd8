/// Batches of our own publishes that the broker has not acknowledged in full.
struct PendingPublishes {
    typealias Reply = CheckedContinuation<Result<Void, MQTTError>, Never>

    private struct Batch {
        var left: Int
        let reply: Reply
    }

    private var batches: [Int: Batch] = [:]
    private var batchOfPacket: [Int32: Int] = [:]
    private var next = 0

    /// Answers when all of the packets are acknowledged.
    mutating func add(_ packetIDs: [Int32], _ reply: Reply) {
        if packetIDs.isEmpty { return reply.resume(returning: .success(())) }
        batches[next] = Batch(left: packetIDs.count, reply: reply)
        for packetID in packetIDs { batchOfPacket[packetID] = next }
        next += 1
    }

    mutating func acknowledged(_ packetID: Int32) {
        guard let number = batchOfPacket.removeValue(forKey: packetID), var batch = batches[number] else { return }
        batch.left -= 1
        batches[number] = batch.left > 0 ? batch : nil
        if batch.left == 0 { batch.reply.resume(returning: .success(())) }
    }

    /// The connection has ended; its packet ids mean nothing any more.
    mutating func fail(_ error: MQTTError) {
        for batch in batches.values { batch.reply.resume(returning: .failure(error)) }
        batches = [:]
        batchOfPacket = [:]
    }
}
