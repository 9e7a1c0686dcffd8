import Gateway
import Runtime

/// Whether this server can take commands and telemetry right now.
struct ServerReadiness: ReadinessCheck {
    private static let probe = Statement("readiness_probe", "select position from log_head")

    let pool: PostgresPool
    let mqtt: MQTTGateway

    func reasonsAgainst() async -> [String] {
        var reasons: [String] = []
        do {
            let somebodyIngests = try await pool.withConnection { connection in
                _ = try await connection.query(Self.probe(), timeout: .seconds(2))
                return try await PostgresLease.isHeld(.ingest, asking: connection)
            }
            // Nobody does just after a start, or when Postgres has come back.
            if !somebodyIngests {
                reasons.append("No server ingests yet; telemetry waits in the broker until one does.")
            }
        } catch {
            reasons.append("Postgres cannot be reached; telemetry waits in the broker until it can.")
        }
        if case .leading = mqtt.state {
            reasons.append("Ingest is not connected to the MQTT broker; telemetry waits there until it is.")
        }
        return reasons
    }
}
