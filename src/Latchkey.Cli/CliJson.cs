using System.Text.Json.Serialization;

namespace Latchkey.Cli;

/// <summary>Source-generated JSON of the command line's own.</summary>
[JsonSerializable(typeof(string))]
internal sealed partial class CliJson : JsonSerializerContext;
