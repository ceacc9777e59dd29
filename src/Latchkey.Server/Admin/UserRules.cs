using System.Text.Json;
using Latchkey.Protocol.Names;

namespace Latchkey.Server.Admin;

/// <summary>What may be declared of a user: the standard claims of OpenID Connect Core section 5.1, each of its own type.</summary>
internal static class UserRules
{
    private static readonly HashSet<string> Names = [.. ScopeClaims.Table.Values.SelectMany(names => names)];

    // OpenID Connect Core section 5.1.1.
    private static readonly HashSet<string> AddressMembers = ["formatted", "street_address", "locality", "region", "postal_code", "country"];

    /// <summary>The claims' names.</summary>
    public static IReadOnlyCollection<string> Claims => Names;

    /// <summary>Whether a claim is a standard one that can be set.</summary>
    public static bool IsClaim(string name) => Names.Contains(name);

    /// <summary>What is wrong with a claim's value, to be put after its name; null if nothing is.</summary>
    public static string? ClaimFault(string name, JsonElement value) => name switch
    {
        "email_verified" or "phone_number_verified" => value.ValueKind is JsonValueKind.True or JsonValueKind.False ? null : "is not true or false",
        "updated_at" => value.ValueKind == JsonValueKind.Number ? null : "is not a number of seconds since 1970",
        "address" => value.ValueKind != JsonValueKind.Object ? "is not an object"
            : value.EnumerateObject().FirstOrDefault(member => !AddressMembers.Contains(member.Name)) is { Value.ValueKind: not JsonValueKind.Undefined } odd
                ? $"has a member \"{odd.Name}\"; an address has {string.Join(", ", AddressMembers)}"
            : value.EnumerateObject().Any(member => member.Value.ValueKind != JsonValueKind.String) ? "has a member that is not a string" : null,
        _ => value.ValueKind == JsonValueKind.String ? null : "is not a string",
    };

    /// <summary>What is wrong with a <c>sub</c> that is to be given to a user (OpenID Connect Core section 2: 255 ASCII characters at most).</summary>
    public static string? SubjectFault(string subject, string username) =>
        subject.Length is 0 or > 255 || subject.Any(character => character is <= ' ' or > '~') ? "is not 1 to 255 printable ASCII characters without spaces"
        : string.Equals(subject, username, StringComparison.OrdinalIgnoreCase) ? "equals the username, which people may change; leave it out to have one made"
        : null;
}
