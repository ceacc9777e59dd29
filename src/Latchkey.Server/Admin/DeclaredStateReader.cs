using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Latchkey.Protocol.Messages;

namespace Latchkey.Server.Admin;

/// <summary>
/// Reads declared state: JSON with comments and trailing commas. A key that is not known is an error that names it and its place, so that a typing
/// mistake never passes for a default. <c>${NAME}</c> inside a string is read from the environment.
/// </summary>
public static class DeclaredStateReader
{
    private static readonly JsonDocumentOptions DocumentOptions = new()
    {
        AllowTrailingCommas = true,
        CommentHandling = JsonCommentHandling.Skip,
        AllowDuplicateProperties = false,
    };

    /// <summary>Reads files and puts them together; a setting of a later file replaces that of an earlier one.</summary>
    /// <param name="files">The files, in order.</param>
    /// <param name="knownSettings">The keys that <c>settings</c> may have.</param>
    /// <param name="environment">Reads an environment variable; null if it is not set.</param>
    /// <param name="check">Whether what contradicts itself is refused, as before it is applied.</param>
    /// <exception cref="AdministrationException">A file can't be read, is no JSON, or declares something that is unknown or malformed.</exception>
    public static DeclaredState ReadFiles(IEnumerable<string> files, IReadOnlyCollection<string> knownSettings, Func<string, string?> environment, bool check = true)
    {
        var state = DeclaredState.Empty;
        foreach (var file in files)
        {
            string text;
            try
            {
                text = File.ReadAllText(file);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                throw new AdministrationException($"The configuration file {file} can't be read ({Reason(exception)}); give the path of a file that this user may read.", exception);
            }

            state = Merge(state, Read(text, file, knownSettings, environment));
        }

        if (check) Rules.Check(state);
        return state;
    }

    /// <summary>Reads one document.</summary>
    /// <param name="json">The text.</param>
    /// <param name="file">Its name, for messages.</param>
    /// <param name="knownSettings">The keys that <c>settings</c> may have.</param>
    /// <param name="environment">Reads an environment variable; null if it is not set.</param>
    /// <exception cref="AdministrationException">The document is no JSON, or declares something that is unknown or malformed.</exception>
    public static DeclaredState Read(string json, string file, IReadOnlyCollection<string> knownSettings, Func<string, string?> environment)
    {
        JsonNode? root;
        try
        {
            root = JsonNode.Parse(json, documentOptions: DocumentOptions);
        }
        catch (JsonException exception)
        {
            throw new AdministrationException(
                $"{file} is no valid JSON at line {exception.LineNumber + 1}, column {exception.BytePositionInLine + 1}: {Plain(exception.Message)}", exception);
        }

        var document = AsObject(root, file, "the document");
        var settings = new Dictionary<string, DeclaredSetting>(StringComparer.Ordinal);
        var clients = new List<DeclaredClient>();
        var resources = new List<DeclaredResource>();
        var issuers = new List<DeclaredIssuer>();
        var users = new List<DeclaredUser>();
        foreach (var (key, node) in document)
        {
            switch (key)
            {
                case "settings":
                    ReadSettings(AsObject(node, file, key), file, knownSettings, environment, settings);
                    break;
                case "clients":
                    foreach (var (item, place) in Items(node, file, key)) clients.Add(ReadClient(Expand(item, file, place, environment), file, place));
                    break;
                case "resources":
                    foreach (var (item, place) in Items(node, file, key))
                        resources.Add(new(ReadMessage(Expand(item, file, place, environment), file, place, MessagesJson.Default.ResourceMetadata), $"{file}: {place}"));
                    break;
                case "trusted_issuers":
                    foreach (var (item, place) in Items(node, file, key))
                        issuers.Add(new(ReadMessage(Expand(item, file, place, environment), file, place, MessagesJson.Default.TrustedIssuer), $"{file}: {place}"));
                    break;
                case "users":
                    foreach (var (item, place) in Items(node, file, key)) users.Add(ReadUser(Expand(item, file, place, environment), file, place));
                    break;
                case "$schema":
                    break;
                default:
                    throw Unknown(file, key, key, ["settings", "clients", "resources", "trusted_issuers", "users"]);
            }
        }

        return new DeclaredState { Settings = settings, Clients = clients, Resources = resources, TrustedIssuers = issuers, Users = users };
    }

    /// <summary>Reads what is said of one client, as in a declared state but without a secret.</summary>
    /// <param name="node">The client's object; it is changed.</param>
    /// <param name="source">Where it comes from, for messages.</param>
    /// <exception cref="AdministrationException">A member is unknown or malformed.</exception>
    public static ClientMetadata ReadClientMetadata(JsonObject node, string source) => ReadMessage(node, source, "client", MessagesJson.Default.ClientMetadata);

    /// <summary>Reads what is said of one resource, as in a declared state.</summary>
    /// <param name="node">The resource's object; it is changed.</param>
    /// <param name="source">Where it comes from, for messages.</param>
    /// <exception cref="AdministrationException">A member is unknown or malformed.</exception>
    public static ResourceMetadata ReadResourceMetadata(JsonObject node, string source) => ReadMessage(node, source, "resource", MessagesJson.Default.ResourceMetadata);

    private static DeclaredState Merge(DeclaredState earlier, DeclaredState later)
    {
        var settings = new Dictionary<string, DeclaredSetting>(earlier.Settings, StringComparer.Ordinal);
        foreach (var (key, value) in later.Settings) settings[key] = value;
        return new DeclaredState
        {
            Settings = settings,
            Clients = [.. earlier.Clients, .. later.Clients],
            Resources = [.. earlier.Resources, .. later.Resources],
            TrustedIssuers = [.. earlier.TrustedIssuers, .. later.TrustedIssuers],
            Users = [.. earlier.Users, .. later.Users],
        };
    }

    private static void ReadSettings(
        JsonObject node, string file, IReadOnlyCollection<string> known, Func<string, string?> environment, Dictionary<string, DeclaredSetting> settings)
    {
        foreach (var (key, value) in node)
        {
            var place = $"settings.{key}";
            if (!known.Contains(key)) throw Unknown(file, place, key, known);
            settings[key] = new(SettingText(value, file, place, environment), $"{file}: {place}");
        }
    }

    private static string SettingText(JsonNode? node, string file, string place, Func<string, string?> environment) => node switch
    {
        JsonArray list => string.Join(',', list.Select((item, index) => SettingText(item, file, $"{place}[{index}]", environment))),
        JsonValue value => value.GetValueKind() switch
        {
            JsonValueKind.String => ExpandText(value.GetValue<string>(), file, place, environment),
            JsonValueKind.True => "true",
            JsonValueKind.False => "false",
            _ => value.ToJsonString(),
        },
        _ => throw new AdministrationException($"{file}: {place} is not a string, a number, true, false or a list of those; write it as one of them."),
    };

    private static DeclaredClient ReadClient(JsonObject node, string file, string place)
    {
        string? secret = null;
        if (node.TryGetPropertyValue("client_secret", out var value))
        {
            secret = Text(value, file, $"{place}.client_secret");
            node.Remove("client_secret");
        }

        var metadata = ReadMessage(node, file, place, MessagesJson.Default.ClientMetadata);
        return new(metadata, secret, $"{file}: {place}") { Written = node.Select(member => member.Key).ToHashSet(StringComparer.Ordinal) };
    }

    private static DeclaredUser ReadUser(JsonObject node, string file, string place)
    {
        string? username = null, subject = null, password = null;
        var claims = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var (key, value) in node)
        {
            var at = $"{place}.{key}";
            switch (key)
            {
                case "username":
                    username = Text(value, file, at);
                    break;
                case "sub":
                    subject = Text(value, file, at);
                    break;
                case "password":
                    password = Text(value, file, at);
                    break;
                default:
                    if (!UserRules.IsClaim(key)) throw Unknown(file, at, key, ["username", "password", "sub", .. UserRules.Claims]);
                    if (value is null) break;
                    var element = JsonSerializer.SerializeToElement(value, AdminJson.Default.JsonNode);
                    if (UserRules.ClaimFault(key, element) is { } fault) throw new AdministrationException($"{file}: {at} {fault}.");
                    claims[key] = element;
                    break;
            }
        }

        if (string.IsNullOrWhiteSpace(username)) throw new AdministrationException($"{file}: {place} has no username; give the name the person signs in with.");
        return new(username, subject, password, claims, $"{file}: {place}");
    }

    private static T ReadMessage<T>(JsonObject node, string file, string place, JsonTypeInfo<T> type)
    {
        var known = type.Properties.Where(property => property.Set is not null).Select(property => property.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var (key, value) in node.ToList())
        {
            if (!known.Contains(key)) throw Unknown(file, $"{place}.{key}", key, known);
            // null is the same as not written.
            if (value is null) node.Remove(key);
        }

        try
        {
            return node.Deserialize(type) ?? throw new JsonException("null");
        }
        catch (JsonException exception)
        {
            var path = exception.Path is { Length: > 1 } inner ? place + inner[1..] : place;
            // Latchkey's own converters say what is wrong; the reader's own words name .NET types.
            var reason = exception.InnerException is null && !exception.Message.Contains("System.", StringComparison.Ordinal) && !exception.Message.Contains("could not be converted", StringComparison.Ordinal)
                ? Plain(exception.Message)
                : "The value has the wrong type.";
            throw new AdministrationException($"{file}: {path}: {reason}", exception);
        }
    }

    private static IEnumerable<(JsonNode? Item, string Place)> Items(JsonNode? node, string file, string key)
    {
        if (node is not JsonArray list) throw new AdministrationException($"{file}: {key} is not a list; write it as [ … ].");
        return list.Select((item, index) => (item, $"{key}[{index}]"));
    }

    private static JsonObject AsObject(JsonNode? node, string file, string place) =>
        node as JsonObject ?? throw new AdministrationException($"{file}: {place} is not a JSON object; write it as {{ … }}.");

    private static string Text(JsonNode? node, string file, string place) =>
        node is JsonValue value && value.GetValueKind() == JsonValueKind.String
            ? value.GetValue<string>()
            : throw new AdministrationException($"{file}: {place} is not a string.");

    // The values of objects and lists, with their environment variables filled in.
    private static JsonObject Expand(JsonNode? node, string file, string place, Func<string, string?> environment)
    {
        var copy = AsObject(node, file, place).DeepClone().AsObject();
        ExpandInside(copy, file, place, environment);
        return copy;
    }

    private static void ExpandInside(JsonNode node, string file, string place, Func<string, string?> environment)
    {
        if (node is JsonObject members)
        {
            foreach (var (key, value) in members.ToList())
            {
                if (Expanded(value, file, $"{place}.{key}", environment) is { } text) members[key] = text;
            }
        }
        else if (node is JsonArray list)
        {
            for (var i = 0; i < list.Count; i++)
            {
                if (Expanded(list[i], file, $"{place}[{i}]", environment) is { } text) list[i] = text;
            }
        }
    }

    private static JsonValue? Expanded(JsonNode? node, string file, string place, Func<string, string?> environment)
    {
        if (node is JsonValue value && value.GetValueKind() == JsonValueKind.String)
        {
            var text = value.GetValue<string>();
            return text.Contains("${", StringComparison.Ordinal) ? JsonValue.Create(ExpandText(text, file, place, environment)) : null;
        }

        if (node is not null) ExpandInside(node, file, place, environment);
        return null;
    }

    private static string ExpandText(string text, string file, string place, Func<string, string?> environment)
    {
        var start = text.IndexOf("${", StringComparison.Ordinal);
        if (start < 0) return text;
        var result = new StringBuilder();
        var rest = text.AsSpan();
        while (start >= 0)
        {
            var end = rest[start..].IndexOf('}');
            if (end < 0) throw new AdministrationException($"{file}: {place} has a ${{ without its closing brace; write ${{NAME}}.");
            var name = rest[(start + 2)..(start + end)].ToString();
            var value = environment(name)
                ?? throw new AdministrationException($"{file}: {place} needs the environment variable {name}, which is not set; set it or take ${{{name}}} out.");
            result.Append(rest[..start]).Append(value);
            rest = rest[(start + end + 1)..];
            start = rest.IndexOf("${", StringComparison.Ordinal);
        }

        return result.Append(rest).ToString();
    }

    private static AdministrationException Unknown(string file, string place, string key, IEnumerable<string> known)
    {
        var near = known.Select(name => (Name: name, Distance: Distance(name, key))).OrderBy(pair => pair.Distance).FirstOrDefault();
        var hint = near.Name is not null && near.Distance <= Math.Max(2, key.Length / 3) ? $"; did you mean \"{near.Name}\"?" : "; take it out or mend its name.";
        return new AdministrationException($"{file}: the key \"{key}\" at {place} is unknown{hint}");
    }

    // How many letters must change to make one word the other (Levenshtein).
    private static int Distance(string left, string right)
    {
        var row = Enumerable.Range(0, right.Length + 1).ToArray();
        for (var i = 1; i <= left.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= right.Length; j++)
            {
                var cost = left[i - 1] == right[j - 1] ? diagonal : 1 + Math.Min(diagonal, Math.Min(row[j], row[j - 1]));
                (diagonal, row[j]) = (row[j], cost);
            }
        }

        return row[^1];
    }

    private static string Reason(Exception exception) => exception switch
    {
        FileNotFoundException or DirectoryNotFoundException => "there is no such file",
        UnauthorizedAccessException => "access is denied, or it is a folder",
        _ => exception.Message,
    };

    // The reader's message without its trailing position and with a full stop.
    private static string Plain(string message)
    {
        foreach (var tail in (ReadOnlySpan<string>)[" LineNumber:", " Path:"])
        {
            var cut = message.IndexOf(tail, StringComparison.Ordinal);
            if (cut > 0) message = message[..cut];
        }

        return message.TrimEnd('.', ' ', '|') + ".";
    }
}
