import Aggregates
import Gateway
import Projections
import Runtime
import Workflows

/// Everything that this program reads of the log.
enum KnownEvents {
    static let workflows = [
        WorkflowHost(Overheating.self), WorkflowHost(Silence.self), WorkflowHost(RolloutDriver.self),
        WorkflowHost(CommandTimeouts.self),
    ]

    /// The streams that belong to no aggregate, and how their events are read.
    static let others: [String: @Sendable (RecordedEvent) throws(EventCodecError) -> Void] = [
        IngestStreams.category: { event throws(EventCodecError) in _ = try IngestEvent.codec.decode(event) },
        AccessStreams.category: { event throws(EventCodecError) in _ = try AccessStreams.codec.decode(event) },
        Administration.category: { event throws(EventCodecError) in _ = try AdministrativeAct.codec.decode(event) },
        RunnerGeneration.category: { event throws(EventCodecError) in _ = try RunnerGeneration.codec.decode(event) },
        "workflow": { event throws(EventCodecError) in
            // The stream's id begins with the workflow's name, which has no dash.
            let name = event.stream.id.prefix { $0 != "-" }
            guard let workflow = workflows.first(where: { $0.name == name }) else { throw .unknownType(event.type) }
            try workflow.decode(event)
        },
    ]

    /// What may leave the log when it is old.
    static let telemetry = TelemetryTypes([Device.category: Device.codec.telemetryTypes])

    /// How the states are told that stand for what has left.
    static let streamFolds = [StreamFold(Device.self)]

    static let laws: [any StreamLaw] =
        [FoldLaw(Device.self), FoldLaw(Account.self), FoldLaw(Alert.self), FoldLaw(Rollout.self)]
        + others.map { ReadableLaw(category: $0.key, $0.value) }

    /// Every view.
    static let views: [any WideProjection.Type] = [
        DevicesProjection.self, AccountsProjection.self, AlertsProjection.self, TelemetryProjection.self,
        StatesProjection.self, RolloutsProjection.self, RolloutDevicesProjection.self,
    ]

    static let folds: [any StreamLaw] = [
        ViewFold(DevicesProjection.self), ViewFold(AccountsProjection.self), ViewFold(AlertsProjection.self),
        ViewFold(TelemetryProjection.self), ViewFold(StatesProjection.self), ViewFold(RolloutsProjection.self),
        ViewFold(RolloutDevicesProjection.self),
    ]

    /// How the events of aggregates are decoded for all who follow the log.
    static let aggregates: [String: LogFeed.Decoder] = [
        Device.category: { event throws(EventCodecError) in try Device.codec.decode(event) },
        Account.category: { event throws(EventCodecError) in try Account.codec.decode(event) },
        Alert.category: { event throws(EventCodecError) in try Alert.codec.decode(event) },
        Rollout.category: { event throws(EventCodecError) in try Rollout.codec.decode(event) },
    ]

    /// How the events of each category are read.
    static let decoders = others.merging([
        Device.category: { event throws(EventCodecError) in _ = try Device.codec.decode(event) },
        Account.category: { event throws(EventCodecError) in _ = try Account.codec.decode(event) },
        Alert.category: { event throws(EventCodecError) in _ = try Alert.codec.decode(event) },
        Rollout.category: { event throws(EventCodecError) in _ = try Rollout.codec.decode(event) },
    ]) { known, _ in known }
}
