using System.Text.Json;
using System.Text.Json.Serialization;

namespace Latchkey.Bench;

/// <summary>One measurement. What a kind does not measure is absent.</summary>
internal sealed record Line
{
    /// <summary><c>host</c>, <c>request</c>, <c>start</c>, <c>memory</c>, <c>growth</c> or <c>repeat</c>.</summary>
    public required string Kind { get; init; }

    public string? Subject { get; init; }

    public string? Work { get; init; }

    /// <summary>What was measured, by name: <c>cpu</c> in microseconds, <c>p50</c> in milliseconds, <c>memory</c> in MiB, <c>bytes</c>, …</summary>
    public Dictionary<string, double> Figures { get; init; } = [];

    /// <summary>What was measured on, by name.</summary>
    public Dictionary<string, string>? Host { get; init; }
}

/// <summary>A file of measurements, a line of JSON each, so that an interrupted run keeps what it has.</summary>
internal sealed class Lines(string path)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    public void Add(Line line)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        File.AppendAllText(path, JsonSerializer.Serialize(line, Json) + "\n");
    }

    public IReadOnlyList<Line> Read() => [.. File.ReadLines(path).Where(line => line.Length > 0).Select(line => JsonSerializer.Deserialize<Line>(line, Json)!)];
}
