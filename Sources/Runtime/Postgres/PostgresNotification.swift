/// What somebody sent with NOTIFY.
package struct PostgresNotification: Sendable, Hashable {
    package let channel: String
    package let payload: String
    /// The server process of the sender's connection; our own NOTIFYs come back too.
    package let backendPID: Int32
}
