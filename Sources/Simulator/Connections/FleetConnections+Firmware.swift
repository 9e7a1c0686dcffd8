import Runtime

/// How devices take part in rollouts.
extension FleetConnections {
    /// Begins whatever the messages on the device's firmware topic ask for.
    func takeFirmware(_ inbox: DeviceInbox, of link: DeviceLink, _ index: Int) {
        let payloads = inbox.firmware
        inbox.firmware = []
        for payload in payloads {
            var time = ContinuousClock.now
            for step in link.firmware.received(payload) {
                time += step.delay
                _ = thread.schedule(at: time) { self.assumeIsolated { $0.report(step.report, index) } }
            }
        }
    }

    /// Says it if the device is connected; if not, it begins anew when it comes back.
    private func report(_ report: DeviceFirmware.Report, _ index: Int) {
        let link = links[index]
        guard !isClosed, case .online = link.phase, link.firmware.performs(report) else { return }
        attempt(index) { () throws(DeviceConnection.Failure) in
            guard let (connection, _) = link.connection else { return }
            let packetID = try connection.publishFirmwareStatus(report.payload)
            link.reports[packetID] = report
            // Until it is acknowledged nobody can say which end the server knows of.
            if report.isEnd { link.firmwareOutcome = nil }
        }
    }
}
