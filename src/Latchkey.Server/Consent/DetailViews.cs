using System.Globalization;
using System.Text.Json;
using Latchkey.Server.AuthorizationDetails;
using Latchkey.Server.Pages;

namespace Latchkey.Server.Consent;

/// <summary>One thing that is asked for in detail (RFC 9396), in words.</summary>
/// <param name="Title">What kind of thing: the type's description, else its name.</param>
/// <param name="Api">The API's name.</param>
/// <param name="Lines">What it says, member by member.</param>
public sealed record DetailView(string Title, string Api, IReadOnlyList<DetailLine> Lines);

/// <summary>A member of a detail.</summary>
/// <param name="Name">The schema's title of it, else its name.</param>
/// <param name="Value">Its value as people read it.</param>
public sealed record DetailLine(string Name, string Value);

/// <summary>Puts authorization details into words: everything in them, since a person agrees to all of it.</summary>
internal static class DetailViews
{
    private const int LongestValue = 300;

    public static IReadOnlyList<DetailView> Of(RequestedDetails details) =>
    [
        .. details.Entries.Select(entry => new DetailView(
            Shown.Shorten(entry.Type.Description is { Length: > 0 } words ? words : entry.Type.Type, LongestValue),
            Shown.Shorten(entry.Resource.DisplayName),
            [.. Lines(entry.Value, entry.Type.SchemaOrEmpty, "").Where(line => line.Name != "type")])),
    ];

    private static IEnumerable<DetailLine> Lines(JsonElement value, JsonElement schema, string prefix)
    {
        foreach (var member in value.EnumerateObject())
        {
            var inner = schema.TryGetProperty("properties", out var properties) && properties.TryGetProperty(member.Name, out var found) ? found : default;
            var name = prefix + Name(member.Name, inner);
            if (member.Value.ValueKind == JsonValueKind.Object)
            {
                foreach (var line in Lines(member.Value, inner.ValueKind == JsonValueKind.Object ? inner : EmptySchema, name + ": ")) yield return line;
            }
            else
            {
                yield return new(prefix.Length == 0 && member.Name == "type" ? "type" : Shown.Shorten(name), Shown.Shorten(Text(member.Value), LongestValue));
            }
        }
    }

    private static JsonElement EmptySchema { get; } = JsonElement.Parse("{}");

    private static string Name(string name, JsonElement schema) =>
        schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty("title", out var title) ? title.GetString()! : Capital(name.Replace('_', ' '));

    private static string Capital(string text) => text.Length == 0 ? text : char.ToUpper(text[0], CultureInfo.InvariantCulture) + text[1..];

    private static string Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.True => "yes",
        JsonValueKind.False => "no",
        JsonValueKind.Null => "nothing",
        JsonValueKind.Array => string.Join(", ", value.EnumerateArray().Select(Text)),
        JsonValueKind.Object => string.Join(", ", value.EnumerateObject().Select(member => $"{member.Name} {Text(member.Value)}")),
        _ => value.GetRawText(),
    };
}
