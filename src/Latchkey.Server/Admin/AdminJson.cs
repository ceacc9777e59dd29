using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Latchkey.Server.Admin;

/// <summary>Source-generated JSON of the declared state's free parts.</summary>
[JsonSerializable(typeof(JsonNode))]
[JsonSerializable(typeof(Dictionary<string, string>))]
internal sealed partial class AdminJson : JsonSerializerContext;
