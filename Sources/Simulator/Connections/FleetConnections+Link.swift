import Runtime

/// One device's way to the broker and back.
extension FleetConnections {
    // MARK: Connecting

    func enqueue(_ index: Int) {
        guard !isClosed, case .away = links[index].phase else { return }
        links[index].phase = .queued
        queue.append(index)
    }

    func connectNext() {
        while greetings < Self.greetingsAtOnce, firstQueued < queue.count {
            let index = queue[firstQueued]
            firstQueued += 1
            connect(index)
        }
        if firstQueued == queue.count {
            queue.removeAll(keepingCapacity: true)
            firstQueued = 0
        }
    }

    /// CONNECTs waiting for their answer at a time; more would overflow the broker's listen queue.
    private static var greetingsAtOnce: Int { 32 }

    private func connect(_ index: Int) {
        let link = links[index]
        do throws(DeviceConnection.Failure) {
            let connection = try DeviceConnection(device: link.id, key: link.key, host: host, port: port)
            let token = thread.watch(connection.socket, for: [.read, .write]) { ready in
                self.assumeIsolated { $0.isReady(index, for: ready) }
            }
            guard let token else { throw .init(reason: "the socket cannot be watched") }
            link.phase = .greeting(connection, token, since: .now)
            greetings += 1
        } catch {
            lost(index, error.reason)
        }
    }

    private func lost(_ index: Int, _ reason: String) {
        let link = links[index]
        switch link.phase {
        case .greeting(_, let token, _):
            greetings -= 1
            thread.unwatch(token)
        case .online(_, let token):
            counts.online -= 1
            thread.unwatch(token)
        case .away, .queued: break
        case .closed: return
        }
        link.phase = .away
        counts.failures += 1
        counts.lastFailure = reason
        counts.resent += link.outbox.connectionLost()
        link.reports = [:]
        link.firmware.connectionLost()
        _ = thread.schedule(at: .now + link.backoff.next()) {
            self.assumeIsolated {
                $0.enqueue(index)
                $0.connectNext()
            }
        }
    }

    // MARK: Talking

    private func isReady(_ index: Int, for readiness: Readiness?) {
        guard let readiness, let (connection, _) = links[index].connection else { return }
        attempt(index) { () throws(DeviceConnection.Failure) in
            if readiness.contains(.read) { try connection.read() }
            if readiness.contains(.write), connection.wantsWrite { try connection.write() }
        }
        connectNext()
    }

    /// Does something with a device's connection, then whatever the callbacks have said meanwhile.
    func attempt(_ index: Int, _ work: () throws(DeviceConnection.Failure) -> Void) {
        let link = links[index]
        guard let (connection, token) = link.connection else { return }
        do throws(DeviceConnection.Failure) {
            try work()
            settle(connection.inbox, of: link, index)
            if let code = connection.inbox.greeting, code != 0 {
                throw .init(reason: "the broker refused the connection with reason code \(code)")
            }
            if case .greeting = link.phase, connection.inbox.greeting == 0 {
                link.phase = .online(connection, token)
                link.backoff.reset()
                greetings -= 1
                counts.online += 1
                try connection.subscribeToFirmware()
            }
        } catch {
            // What was acknowledged before the end counts.
            settle(connection.inbox, of: link, index)
            return lost(index, error.reason)
        }
        publishWaiting(index)
    }

    func publishWaiting(_ index: Int) {
        let link = links[index]
        guard let (connection, token) = link.connection else { return }
        if case .online = link.phase, !link.isResting {
            do throws(DeviceConnection.Failure) {
                while let item = link.outbox.next {
                    let packetID = try connection.publish(item.message.payload)
                    link.outbox.published(as: packetID, at: .now)
                }
            } catch {
                return lost(index, error.reason)
            }
        }
        thread.change(token, to: connection.wantsWrite ? [.read, .write] : .read)
    }

    // MARK: Answers

    private func settle(_ inbox: DeviceInbox, of link: DeviceLink, _ index: Int) {
        let answers = inbox.acknowledgements
        inbox.acknowledgements = []
        for answer in answers {
            if let report = link.reports.removeValue(forKey: answer.packetID) {
                if report.isEnd, answer.reasonCode == 0 {
                    link.firmwareOutcome = FirmwareOutcome(
                        rollout: report.rollout, hasSucceeded: report.hasSucceeded)
                }
                continue
            }
            guard let item = link.outbox.settle(answer.packetID) else { continue }
            switch answer.reasonCode {
            case 0: acknowledged(item, of: link)
            case Self.noMatchingSubscribers:
                counts.unheard += 1
                link.outbox.putBack(item)
                rest(index)
            case 1..<128: acknowledged(item, of: link)
            default:
                counts.refused += 1
                counts.outstanding -= 1
            }
        }
        takeFirmware(inbox, of: link, index)
        if counts.outstanding == 0 { endDraining() }
    }

    private func acknowledged(_ item: Outbox.Item, of link: DeviceLink) {
        for seq in item.message.seqs { link.acknowledged.insert(seq) }
        counts.acknowledged += 1
        counts.readings += item.message.seqs.count
        counts.outstanding -= 1
        if let sent = item.sent { counts.latencies.record(.now - sent) }
    }

    /// The broker took the message and threw it away, since no server has ever subscribed.
    private func rest(_ index: Int) {
        let link = links[index]
        guard !link.isResting else { return }
        link.isResting = true
        _ = thread.schedule(at: .now + .seconds(1)) {
            self.assumeIsolated {
                $0.links[index].isResting = false
                $0.publishWaiting(index)
            }
        }
    }

    private static var noMatchingSubscribers: Int32 { 16 }
}
