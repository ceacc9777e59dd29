using System.Buffers;
using System.Text;
using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Server.Configuration;

namespace Latchkey.Server.AuthorizationDetails;

/// <summary>One thing that is asked for in detail.</summary>
/// <param name="Type">What kind of thing, as its resource declares it.</param>
/// <param name="Resource">The resource it is for.</param>
/// <param name="Value">The whole object.</param>
internal sealed record RequestedDetail(AuthorizationDetailsType Type, ResourceMetadata Resource, JsonElement Value);

/// <summary><c>authorization_details</c> (RFC 9396), judged: every entry is of a type that the client may ask for, and right by that type's schema.</summary>
internal sealed class RequestedDetails
{
    // They travel in the code, which travels in a URL, and a person has to read them.
    private const int MaximumSize = 4096;
    private const int MaximumCount = 10;

    // The members of section 2.2 that hold a list: a token can be asked for with fewer of them.
    private static readonly string[] CommonMembers = ["locations", "actions", "datatypes", "identifier", "privileges"];
    private static readonly string[] Lists = ["locations", "actions", "datatypes", "privileges"];
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    private RequestedDetails(IReadOnlyList<RequestedDetail> entries) => Entries = entries;

    /// <summary>Nothing in detail.</summary>
    public static RequestedDetails None { get; } = new([]);

    public IReadOnlyList<RequestedDetail> Entries { get; }

    /// <summary>The list as JSON; null if it is empty.</summary>
    public string? Json => Entries.Count == 0 ? null : Encoding.UTF8.GetString(Write(Entries).Span);

    /// <summary>The resources that the entries are for.</summary>
    public IEnumerable<ResourceMetadata> Resources => Entries.Select(entry => entry.Resource).Distinct();

    /// <summary>Reads the parameter of a new request.</summary>
    /// <returns>The details, or <c>invalid_authorization_details</c>.</returns>
    public static Result<RequestedDetails> Read(string? json, Client client, ServerConfiguration configuration)
    {
        if (json is null) return None;
        if (json.Length > MaximumSize) return Refuse($"is longer than {MaximumSize} characters");
        if (Parse(json) is not { } list) return Refuse("is not a JSON array, or names a member twice");
        if (list.GetArrayLength() is 0 or > MaximumCount) return Refuse($"has no entry, or more than {MaximumCount}");
        var entries = new List<RequestedDetail>();
        foreach (var value in list.EnumerateArray())
        {
            var place = $"[{entries.Count}]";
            if (value.ValueKind != JsonValueKind.Object || !value.TryGetProperty("type", out var name) || name.ValueKind != JsonValueKind.String)
                return Refuse($"has an entry without type: {place}");
            if (Find(configuration, name.GetString()!) is not var (type, resource) || client.Metadata.AuthorizationDetailsTypes?.Contains(type.Type) != true)
                return Refuse($"has a type that does not exist, or that the client is not registered for in authorization_details_types: {place}");
            if (LocationFault(value, resource)) return Refuse($"has locations other than the resource of its type: {place}");
            if (DetailsSchema.Check(type.SchemaOrEmpty, value, place, ["type", .. CommonMembers]) is { } fault) return Refuse($"is not what its type asks for: {fault}");
            entries.Add(new(type, resource, value));
        }

        return new RequestedDetails(entries);
    }

    /// <summary>Reads what was granted; what has been taken out of the configuration since is left out.</summary>
    public static RequestedDetails Granted(string? json, ServerConfiguration configuration)
    {
        if (json is null || Parse(json) is not { } list) return None;
        var entries = new List<RequestedDetail>();
        foreach (var value in list.EnumerateArray())
        {
            if (Find(configuration, value.GetProperty("type").GetString()!) is var (type, resource)) entries.Add(new(type, resource, value));
        }

        return new(entries);
    }

    /// <summary>What a token request takes of these, section 6: each entry is one of them, or one of them with fewer entries in the lists of section 2.2.</summary>
    /// <param name="json">The parameter; all of them if it is absent.</param>
    /// <param name="resources">The resources that the token is for; the others' details stay behind.</param>
    /// <param name="client">Who asks.</param>
    /// <param name="configuration">The types there are.</param>
    public Result<RequestedDetails> Narrow(string? json, IReadOnlyList<ResourceMetadata> resources, Client client, ServerConfiguration configuration)
    {
        var asked = this;
        if (json is not null)
        {
            if (Read(json, client, configuration).Refused(out var error, out asked)) return error;
            foreach (var entry in asked.Entries)
            {
                if (!Entries.Any(granted => IsWithin(entry.Value, granted.Value))) return Refuse("asks for more than was granted");
                if (!resources.Contains(entry.Resource)) return OAuthError.InvalidTarget("The authorization_details are for a resource that the request leaves out.");
            }
        }

        return new RequestedDetails([.. asked.Entries.Where(entry => resources.Contains(entry.Resource))]);
    }

    /// <summary>Whether every entry is among these, member for member.</summary>
    /// <param name="json">A list as <see cref="Json"/> wrote it.</param>
    public bool AreAmong(string? json) =>
        Entries.Count == 0 || (json is not null && Parse(json) is { } list && Entries.All(entry => list.EnumerateArray().Any(known => JsonElement.DeepEquals(known, entry.Value))));

    public override string ToString() => $"details of {string.Join(' ', Entries.Select(entry => entry.Type.Type))}";

    private static bool IsWithin(JsonElement asked, JsonElement granted)
    {
        foreach (var member in asked.EnumerateObject())
        {
            if (!granted.TryGetProperty(member.Name, out var known)) return false;
            if (JsonElement.DeepEquals(member.Value, known)) continue;
            if (!Lists.Contains(member.Name) || member.Value.ValueKind != JsonValueKind.Array || known.ValueKind != JsonValueKind.Array || member.Value.GetArrayLength() == 0) return false;
            if (member.Value.EnumerateArray().Any(one => !known.EnumerateArray().Any(other => JsonElement.DeepEquals(one, other)))) return false;
        }

        // What limits the grant can't be left out.
        return granted.EnumerateObject().All(member => asked.TryGetProperty(member.Name, out _));
    }

    private static bool LocationFault(JsonElement value, ResourceMetadata resource) =>
        value.TryGetProperty("locations", out var locations)
        && (locations.ValueKind != JsonValueKind.Array || locations.EnumerateArray().Any(location =>
            location.ValueKind != JsonValueKind.String || !ResourceIndicator.Same(location.GetString()!, resource.Resource)));

    private static (AuthorizationDetailsType Type, ResourceMetadata Resource)? Find(ServerConfiguration configuration, string name)
    {
        foreach (var resource in configuration.Resources)
        {
            foreach (var type in resource.AuthorizationDetailsTypes)
            {
                if (type.Type == name) return (type, resource);
            }
        }

        return null;
    }

    private static JsonElement? Parse(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json, Strict);
            // Text that is half a character is found now, not where somebody reads it.
            return document.RootElement.ValueKind == JsonValueKind.Array && !HasHalfCharacter(document.RootElement) ? document.RootElement.Clone() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static bool HasHalfCharacter(JsonElement json)
    {
        try
        {
            return json.ValueKind switch
            {
                JsonValueKind.String => json.GetString()!.Any(char.IsControl),
                JsonValueKind.Array => json.EnumerateArray().Any(HasHalfCharacter),
                JsonValueKind.Object => json.EnumerateObject().Any(member => member.Name.Any(char.IsControl) || HasHalfCharacter(member.Value)),
                _ => false,
            };
        }
        catch (InvalidOperationException)
        {
            return true;
        }
    }

    private static ReadOnlyMemory<byte> Write(IReadOnlyList<RequestedDetail> entries)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartArray();
        foreach (var entry in entries) entry.Value.WriteTo(json);
        json.WriteEndArray();
        json.Flush();
        return buffer.WrittenMemory;
    }

    private static OAuthError Refuse(string what) => OAuthError.InvalidAuthorizationDetails($"The parameter authorization_details {what}.");
}
