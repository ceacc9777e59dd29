using Microsoft.AspNetCore.WebUtilities;

namespace Latchkey.Testing.Misconduct;

/// <summary>Reads the parameters of a query or a form.</summary>
internal static class UrlParameters
{
    /// <summary>The first value of each.</summary>
    public static IReadOnlyDictionary<string, string> Read(string query) =>
        QueryHelpers.ParseQuery(query).ToDictionary(pair => pair.Key, pair => pair.Value.FirstOrDefault() ?? "", StringComparer.Ordinal);
}
