import Aggregates
import Runtime

extension DeviceAnswer: WritesJSON {
    func write(to json: inout JSONText) throws {
        json.raw(#"{"account":"#)
        try json.text(account.rawValue)
        if let apiKey {
            json.raw(#","apiKey":"#)
            try json.text(apiKey)
        }
        if let claimed {
            json.raw(#","claimed":"#)
            try json.text(claimed)
        }
        json.raw(#","clock":"#)
        try clock.write(to: &json)
        json.raw(#","connectivity":"#)
        try connectivity.write(to: &json)
        json.raw(#","duplicateCount":"#)
        json.integer(duplicateCount)
        json.raw(#","flaggedCount":"#)
        json.integer(flaggedCount)
        if let flags {
            json.raw(#","flags":"#)
            try json.other(flags)
        }
        json.raw(#","id":"#)
        try json.text(id)
        json.raw(#","labels":"#)
        try json.object(labels) { try $1.text($0) }
        try writeTimesAndPlace(to: &json)
        json.raw(#","metadata":"#)
        if metadata.isEmpty { json.raw("{}") } else { try json.other(metadata) }
        json.raw(#","name":"#)
        try json.text(name)
        if let quarantine {
            json.raw(#","quarantine":"#)
            try json.other(quarantine)
        }
        json.raw(#","readings":"#)
        try json.object(readings) { try $0.write(to: &$1) }
        json.raw(#","refusedCount":"#)
        json.integer(refusedCount)
        json.raw(#","registeredTime":"#)
        json.time(registeredTime)
        json.raw(#","serial":"#)
        try json.text(serial)
        json.raw(#","state":"#)
        try json.text(state)
        if let stuckPosition {
            json.raw(#","stuckPosition":"#)
            json.integer(stuckPosition)
        }
        json.raw(#","telemetryCount":"#)
        json.integer(telemetryCount)
        json.raw(#","type":"#)
        try json.text(type)
        json.raw(#","version":"#)
        json.integer(version)
        json.raw("}")
    }

    private func writeTimesAndPlace(to json: inout JSONText) throws {
        if let lastObservedTime {
            json.raw(#","lastObservedTime":"#)
            json.time(lastObservedTime)
        }
        if let lastSeenTime {
            json.raw(#","lastSeenTime":"#)
            json.time(lastSeenTime)
        }
        json.raw(#","lateCount":"#)
        json.integer(lateCount)
        if let location {
            json.raw(#","location":"#)
            try json.other(location)
        }
    }
}

extension LatestReading {
    fileprivate func write(to json: inout JSONText) throws {
        json.raw(#"{"time":"#)
        json.time(time)
        json.raw(#","value":"#)
        switch value {
        case .number(let number): try json.number(number)
        case .text(let text): try json.text(text)
        case .flag(let flag): json.raw(flag ? "true" : "false")
        case .null: json.raw("null")
        }
        json.raw("}")
    }
}

extension ClockAnswer {
    fileprivate func write(to json: inout JSONText) throws {
        json.raw("{")
        if let confidenceSeconds {
            json.raw(#""confidenceSeconds":"#)
            try json.number(confidenceSeconds)
            json.raw(",")
        }
        if let offsetSeconds {
            json.raw(#""offsetSeconds":"#)
            try json.number(offsetSeconds)
            json.raw(",")
        }
        json.raw(#""state":"#)
        try json.text(state.rawValue)
        json.raw("}")
    }
}

extension ConnectivityAnswer {
    fileprivate func write(to json: inout JSONText) throws {
        json.raw("{")
        if let firmware {
            json.raw(#""firmware":"#)
            try json.text(firmware)
            json.raw(",")
        }
        if let flappingUntil {
            json.raw(#""flappingUntil":"#)
            json.time(flappingUntil)
            json.raw(",")
        }
        json.raw(#""sessions":"#)
        json.integer(sessions)
        if let since {
            json.raw(#","since":"#)
            json.time(since)
        }
        json.raw(#","state":"#)
        try json.text(state)
        json.raw("}")
    }
}
