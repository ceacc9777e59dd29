using System.Text.Json;

namespace Latchkey.Server.Admin;

/// <summary>The detail of an administrative audit event.</summary>
internal static class AdminDetail
{
    /// <summary>What was done, and further names and values.</summary>
    public static string Of(string change, params ReadOnlySpan<(string Name, string Value)> more)
    {
        var members = new Dictionary<string, string>(StringComparer.Ordinal) { ["change"] = change };
        foreach (var (name, value) in more) members[name] = value;
        return JsonSerializer.Serialize(members, AdminJson.Default.DictionaryStringString);
    }
}
