using System.Globalization;
using System.Text.Json;

namespace Latchkey.Server.AuthorizationDetails;

/// <summary>
/// The part of JSON Schema (2020-12) by which a resource says what its authorization details hold. Small on purpose: what is here is all there is, and any
/// other keyword is refused where it is declared, so that nobody believes in a check that is not made.
/// </summary>
internal static class DetailsSchema
{
    private const int MaximumDepth = 8;

    private static readonly string[] Types = ["object", "array", "string", "number", "integer", "boolean"];

    /// <summary>Every keyword that is understood.</summary>
    public static IReadOnlyList<string> Keywords { get; } =
    [
        "type", "title", "description", "properties", "required", "additionalProperties", "items", "minItems", "maxItems", "enum", "const", "minLength", "maxLength",
        "minimum", "maximum",
    ];

    /// <summary>What is wrong with a schema, as a sentence; null if nothing is.</summary>
    /// <param name="schema">The schema.</param>
    /// <param name="place">Where it stands, for the sentence.</param>
    /// <param name="depth">How deep it stands.</param>
    public static string? Fault(JsonElement schema, string place = "schema", int depth = 0)
    {
        if (schema.ValueKind != JsonValueKind.Object) return $"{place} is not a JSON object; write a schema such as {{ \"type\": \"object\" }}.";
        if (depth > MaximumDepth) return $"{place} is nested deeper than {MaximumDepth} levels; flatten it.";
        foreach (var keyword in schema.EnumerateObject())
        {
            if (!Keywords.Contains(keyword.Name)) return $"{place} has the keyword {keyword.Name}, which is not understood; there are {string.Join(", ", Keywords)}.";
            if (KeywordFault(keyword, place, depth) is { } fault) return fault;
        }

        return schema.TryGetProperty("type", out _) || schema.TryGetProperty("enum", out _) || schema.TryGetProperty("const", out _)
            ? null
            : $"{place} has no type, enum or const, so it would take anything; say what it takes.";
    }

    /// <summary>What is wrong with a value, as a sentence for its developer that repeats nothing of it; null if nothing is.</summary>
    /// <param name="schema">A schema without fault.</param>
    /// <param name="value">The value.</param>
    /// <param name="place">Where it stands, for the sentence.</param>
    /// <param name="known">Members that are right whatever the schema says.</param>
    public static string? Check(JsonElement schema, JsonElement value, string place, params IReadOnlyList<string> known)
    {
        if (schema.TryGetProperty("const", out var only) && !JsonElement.DeepEquals(only, value)) return $"{place} is not the one value it may have";
        if (schema.TryGetProperty("enum", out var list) && !list.EnumerateArray().Any(one => JsonElement.DeepEquals(one, value))) return $"{place} is not one of the values it may have";
        if (schema.TryGetProperty("type", out var type) && !IsOf(type.GetString()!, value)) return $"{place} is not of the type {type.GetString()}";
        return value.ValueKind switch
        {
            JsonValueKind.Object => CheckObject(schema, value, place, known),
            JsonValueKind.Array => CheckArray(schema, value, place),
            JsonValueKind.String => Outside(schema, "minLength", "maxLength", new StringInfo(value.GetString()!).LengthInTextElements) ? $"{place} is too short or too long" : null,
            // A number that no decimal holds can be in no bounds.
            JsonValueKind.Number => !value.TryGetDecimal(out var number) || Outside(schema, "minimum", "maximum", number) ? $"{place} is too small or too large" : null,
            _ => null,
        };
    }

    private static string? KeywordFault(JsonProperty keyword, string place, int depth)
    {
        var (name, value) = (keyword.Name, keyword.Value);
        switch (name)
        {
            case "type":
                return value.ValueKind == JsonValueKind.String && Types.Contains(value.GetString()) ? null : $"{place}.type is not one of {string.Join(", ", Types)}.";
            case "title" or "description":
                return value.ValueKind == JsonValueKind.String ? null : $"{place}.{name} is not a string.";
            case "properties":
                if (value.ValueKind != JsonValueKind.Object) return $"{place}.properties is not an object.";
                return value.EnumerateObject().Select(member => Fault(member.Value, $"{place}.properties.{member.Name}", depth + 1)).FirstOrDefault(fault => fault is not null);
            case "items":
                return Fault(value, $"{place}.items", depth + 1);
            case "required":
                return value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(member => member.ValueKind == JsonValueKind.String) ? null : $"{place}.required is not a list of names.";
            case "additionalProperties":
                return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? null : $"{place}.additionalProperties is not true or false.";
            case "enum":
                return value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0 ? null : $"{place}.enum is not a list of values.";
            case "minimum" or "maximum":
                return value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out _) ? null : $"{place}.{name} is not a number.";
            case "minItems" or "maxItems" or "minLength" or "maxLength":
                return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var count) && count >= 0 ? null : $"{place}.{name} is not a whole number from 0.";
            default:
                return null;
        }
    }

    private static string? CheckObject(JsonElement schema, JsonElement value, string place, IReadOnlyList<string> known)
    {
        var properties = schema.TryGetProperty("properties", out var declared) ? declared : default;
        // Closed unless it says otherwise: what nobody described, nobody can be asked to agree to.
        var open = schema.TryGetProperty("additionalProperties", out var additional) && additional.ValueKind == JsonValueKind.True;
        foreach (var member in value.EnumerateObject())
        {
            if (properties.ValueKind == JsonValueKind.Object && properties.TryGetProperty(member.Name, out var inner))
            {
                if (Check(inner, member.Value, $"{place}.{Shown(member.Name)}") is { } fault) return fault;
            }
            else if (!open && !known.Contains(member.Name))
            {
                return $"{place} has a member that is not described: {Shown(member.Name)}";
            }
        }

        if (!schema.TryGetProperty("required", out var required)) return null;
        foreach (var name in required.EnumerateArray())
        {
            if (!value.TryGetProperty(name.GetString()!, out _)) return $"{place} lacks {Shown(name.GetString()!)}";
        }

        return null;
    }

    private static string? CheckArray(JsonElement schema, JsonElement value, string place)
    {
        if (Outside(schema, "minItems", "maxItems", value.GetArrayLength())) return $"{place} has too few or too many entries";
        if (!schema.TryGetProperty("items", out var items)) return null;
        var index = 0;
        foreach (var entry in value.EnumerateArray())
        {
            if (Check(items, entry, $"{place}[{index++}]") is { } fault) return fault;
        }

        return null;
    }

    private static bool IsOf(string type, JsonElement value) => type switch
    {
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "string" => value.ValueKind == JsonValueKind.String,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        // Numbers that don't fit 28 digits are nobody's amount.
        "integer" => value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out var number) && decimal.Truncate(number) == number,
        _ => value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out _),
    };

    private static bool Outside(JsonElement schema, string minimum, string maximum, decimal actual) =>
        (schema.TryGetProperty(minimum, out var least) && actual < least.GetDecimal()) || (schema.TryGetProperty(maximum, out var most) && actual > most.GetDecimal());

    private static string Shown(string name) => name.Length <= 64 && name.All(character => char.IsAsciiLetterOrDigit(character) || character is '_' or '-') ? name : "(a name)";
}
