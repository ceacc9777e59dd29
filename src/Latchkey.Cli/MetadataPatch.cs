using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Server.Admin;

namespace Latchkey.Cli;

/// <summary>Changes to a client or a resource, gathered from a file and from flags under the members' registered names.</summary>
internal sealed class MetadataPatch
{
    private static readonly JsonDocumentOptions Options = new() { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip, AllowDuplicateProperties = false };

    private readonly JsonObject _members = [];

    /// <summary>Whether nothing is to be changed.</summary>
    public bool IsEmpty => _members.Count == 0;

    /// <summary>Takes the members of a JSON file; <c>-</c> is the standard input.</summary>
    /// <exception cref="AdministrationException">The file can't be read or is no JSON object.</exception>
    public MetadataPatch File(string? path)
    {
        if (path is null) return this;
        try
        {
            var text = path == "-" ? Console.In.ReadToEnd() : System.IO.File.ReadAllText(path);
            foreach (var (name, value) in JsonNode.Parse(text, documentOptions: Options) as JsonObject ?? throw new JsonException("It is no object."))
                _members[name] = value?.DeepClone();
            return this;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new AdministrationException($"The metadata of {path} can't be read: {exception.Message}", exception);
        }
    }

    /// <summary>Sets a text, if it was given.</summary>
    public MetadataPatch Text(string name, string? value)
    {
        if (value is not null) _members[name] = value;
        return this;
    }

    /// <summary>Sets a list, if one was given.</summary>
    public MetadataPatch List(string name, string[]? values)
    {
        if (values is { Length: > 0 }) _members[name] = Output.Array(values);
        return this;
    }

    /// <summary>Sets a number, if one was given.</summary>
    public MetadataPatch Number(string name, int? value)
    {
        if (value is { } number) _members[name] = number;
        return this;
    }

    /// <summary>Sets true or false, if it was given.</summary>
    public MetadataPatch Flag(string name, bool? value)
    {
        if (value is { } flag) _members[name] = flag;
        return this;
    }

    /// <summary>Sets any member.</summary>
    public MetadataPatch Node(string name, JsonNode? value)
    {
        _members[name] = value;
        return this;
    }

    /// <summary>The members laid over others; null takes one away.</summary>
    public JsonObject Over(JsonObject? members)
    {
        var result = members ?? [];
        foreach (var (name, value) in _members)
        {
            if (value is null) result.Remove(name);
            else result[name] = value.DeepClone();
        }

        return result;
    }
}
