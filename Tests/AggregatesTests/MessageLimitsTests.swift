import Aggregates
import Runtime
import Testing

private let registered = Device.Event.registered(
    DeviceRegistered(serial: "S-1", type: DeviceType("smoke"), name: "", labels: [:], account: .default))

@Suite struct `Limits of messages` {
    @Test func `are the device's own, where it has some, over those of its type`() {
        let type = MessageLimits(messagesPerMinute: 60, bytesPerSecond: 100, excess: .drop)
        let own = MessageLimits(messagesPerMinute: 10, byteBurst: 5)
        #expect(
            own.over(type)
                == MessageLimits(
                    messagesPerMinute: 10, messageBurst: 20, bytesPerSecond: 100, byteBurst: 5, excess: .drop))
        #expect(MessageLimits().over(type) == type && type.over(nil).messageBurst == 120)
        #expect(MessageLimits(messagesPerMinute: 0).over(type).messagesPerMinute == 0)
    }

    @Test func `are changed, and taken back, as a field of the device`() {
        let spec = Specification<Device>.given(registered)
        let limits = MessageLimits(messagesPerMinute: 10)
        spec.when(.update(Changes(limits: limits))).then(.updated(DeviceUpdated(limits: limits)))
        let limited = spec.and(.updated(DeviceUpdated(limits: limits)), at: .noon)
        #expect(limited.state.limits == limits)
        limited.when(.update(Changes(limits: limits))).thenNothing()
        limited.when(.update(Changes(limits: MessageLimits()))).then(.updated(DeviceUpdated(limits: MessageLimits())))
        #expect(limited.and(.updated(DeviceUpdated(limits: MessageLimits())), at: .noon).state.limits == nil)
        spec.when(.update(Changes(limits: MessageLimits()))).thenNothing()
        spec.when(.update(Changes(limits: MessageLimits(messageBurst: 0)))).thenRejected(
            .malformed(field: "limits", reason: "need messageBurst from 1 to 12000000"))
    }

    @Test func `are known of the types that have some`() {
        let (oven, freezer) = (DeviceType("oven"), DeviceType("freezer"))
        let limits = MessageLimits(messagesPerMinute: 10)
        let limited = TelemetrySchemas.readyMade
            .defining(oven, TelemetrySchema(metrics: [:], silenceSeconds: 60, limits: limits), in: .default)
            .defining(freezer, TelemetrySchema(metrics: [:], silenceSeconds: 60), in: .default)
        #expect(limited.limits == [DeviceTypeName(account: .default, type: oven): limits])
        let free = limited.defining(oven, TelemetrySchema(metrics: [:], silenceSeconds: 60), in: .default)
        #expect(free.limits.isEmpty && free != limited)
    }
}
