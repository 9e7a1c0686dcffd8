import HTTPTypes
import Projections
import Runtime

/// Refuses a serial number that another device of the account has.
struct DeviceSerials: Sendable {
    let numbers: any SerialNumbers
    let store: any EventStore

    /// Does work that lets the device have the serial number.
    ///
    /// Whoever asks first is refused without work; of two at once the database stores one, and the other is told why.
    ///
    /// - Throws: 409 if another device has it.
    func claiming<Value>(
        _ serial: String, in account: AccountID, for device: String, _ key: IdempotencyKey?,
        _ work: () async throws(Problem) -> Value
    ) async throws(Problem) -> Value {
        try await requireFree(serial, account, device, key)
        do throws(Problem) {
            return try await work()
        } catch {
            if [.badRequest, .serviceUnavailable].contains(error.status) {
                try await requireFree(serial, account, device, key)
            }
            throw error
        }
    }

    private func requireFree(
        _ serial: String, _ account: AccountID, _ device: String, _ key: IdempotencyKey?
    ) async throws(Problem) {
        let holder: String?
        do throws(QueryError) {
            holder = try await numbers.holders(of: [serial], in: account)[serial]
        } catch {
            throw Problem(error)
        }
        guard let holder, holder != device else { return }
        // A repetition is answered as the first time, whoever has the number by now.
        if try await key?.firstReceipt(in: store) != nil { return }
        throw .serialTaken(by: holder)
    }
}

extension Problem {
    static func serialTaken(by device: String) -> Problem {
        .conflict(
            "serial-taken",
            "The device \(device) of this account has the serial number; give another, or retire that device.")
    }
}
